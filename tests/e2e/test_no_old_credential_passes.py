"""No request that begins after the answer to a change passes with the credential from before it.

Method: 8 clients on connections of their own call without a pause, each now with the newest password of a user, now with the one before it, and
note when each call began and what came of it. Meanwhile the password is changed again and again, and other users are dropped. A call whose
beginning lies after the moment at which the answer to the change had been read must not pass with the old credential: neither a call that the
backend answers nor one that Sallyport answers itself. A stream that a dropped user has open ends within 3 s with UNAUTHENTICATED.
"""

import threading
import time

import pytest

from support import h2raw
from support.backends import free_port
from support.h2raw import Connection, request_head, token
from support.protobuf import SERVICE, create_credential, delete_credential, encoded, select_user, status, update_credential

ROOT = token("root:Milvus")
CLIENTS = 8
CHANGES = 12
WRONG = "auth check failure, please check username and password are correct"


def ok(answer):
    assert answer.message is not None and status(answer.message)["code"] == 0, answer.frames


class Hammer(threading.Thread):
    """Calls until `stop`; `calls`: (began, credential, grpc-status)."""

    def __init__(self, address, tls, number, credentials):
        super().__init__(daemon=True)
        self.address, self.tls, self.number, self.credentials = address, tls, number, credentials
        self.stop = threading.Event()
        self.calls = []
        self.error = None

    def run(self):
        try:
            with Connection(self.address, self.tls, timeout=20) as client:
                turn = self.number
                while not self.stop.is_set():
                    turn += 1
                    known = list(self.credentials)
                    who = known[-1] if turn % 2 or len(known) == 1 else known[-2]
                    name = who.split(":")[0]
                    method, body = (SERVICE + "GetVersion", b"") if turn % 4 < 2 else (SERVICE + "SelectUser", select_user(name))
                    began = time.monotonic()
                    answer = client.call(method, body, authorization=token(who))
                    self.calls.append((began, who, answer.grpc[0]))
        except BaseException as error:
            self.error = error


@pytest.fixture
def under_load(sallyport, grpc_backend, certs):
    """(the program, a root client, hammers(credentials))."""
    program = sallyport(grpc_backend().port, certs=certs, mode=2)
    tls = h2raw.tls_context(certs / "ca.pem", certs / "client.pem", certs / "client.key")
    running = []

    def start(credentials):
        for number in range(CLIENTS):
            running.append(Hammer(program.address, tls, number, credentials))
            running[-1].start()
        return running

    with Connection(program.address, tls, timeout=20) as root:
        yield program, root, start
    for hammer in running:
        hammer.stop.set()
    for hammer in running:
        hammer.join(20)
        assert not hammer.is_alive() and hammer.error is None, repr(hammer.error)


def wait_until(condition, what, timeout=20.0):
    limit = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.01)


def calls_of(hammers):
    return [call for hammer in hammers for call in list(hammer.calls)]


def judge(hammers, revoked):
    """`revoked`: credential -> the moment at which the answer that revoked it had been read."""
    for began, who, code in calls_of(hammers):
        assert code in (0, 16), (who, code)
        if who in revoked and began > revoked[who]:
            assert code == 16, f"{who} passed {began - revoked[who]:.6f} s after the answer"
    for who, moment in revoked.items():
        before = sum(1 for began, w, code in calls_of(hammers) if w == who and began < moment and code == 0)
        after = sum(1 for began, w, _ in calls_of(hammers) if w == who and began > moment)
        assert before and after, f"{who}: {before} calls passed before and {after} were tried after: nothing is proved"


def test_changes_of_a_password(under_load):
    _, root, start = under_load
    ok(root.call(SERVICE + "CreateCredential", create_credential("busy", encoded("password-0")), authorization=ROOT))
    credentials, revoked = ["busy:password-0"], {}
    hammers = start(credentials)
    for number in range(1, CHANGES + 1):
        last = credentials[-1]
        wait_until(lambda: sum(1 for _, who, code in calls_of(hammers) if who == last and code == 0) >= CLIENTS, f"{last} does not pass")
        old, new = f"password-{number - 1}", f"password-{number}"
        ok(root.call(SERVICE + "UpdateCredential", update_credential("busy", encoded(old), encoded(new)), authorization=ROOT))
        revoked[last] = time.monotonic()
        credentials.append(f"busy:{new}")
        wait_until(lambda: sum(1 for began, who, _ in calls_of(hammers) if who == last and began > revoked[last]) >= CLIENTS, f"{last} is not tried")
    judge(hammers, revoked)


def test_drops_of_users(under_load):
    _, root, start = under_load
    credentials, revoked = [], {}
    for number in range(4):
        ok(root.call(SERVICE + "CreateCredential", create_credential(f"gone{number}", encoded("password")), authorization=ROOT))
        credentials.append(f"gone{number}:password")
        hammers = start(credentials) if number == 0 else hammers
        last = credentials[-1]
        wait_until(lambda: sum(1 for _, who, code in calls_of(hammers) if who == last and code == 0) >= CLIENTS, f"{last} does not pass")
        ok(root.call(SERVICE + "DeleteCredential", delete_credential(f"gone{number}"), authorization=ROOT))
        revoked[last] = time.monotonic()
        wait_until(lambda: sum(1 for began, who, _ in calls_of(hammers) if who == last and began > revoked[last]) >= CLIENTS, f"{last} is not tried")
    judge(hammers, revoked)


def test_a_name_that_is_created_again_does_not_bring_the_old_password_back(under_load):
    _, root, _ = under_load
    name, path = "again", SERVICE + "GetVersion"
    ok(root.call(SERVICE + "CreateCredential", create_credential(name, encoded("password-1")), authorization=ROOT))
    assert root.call(path, authorization=token(f"{name}:password-1")).grpc[0] == 0
    ok(root.call(SERVICE + "DeleteCredential", delete_credential(name), authorization=ROOT))
    ok(root.call(SERVICE + "CreateCredential", create_credential(name, encoded("password-2")), authorization=ROOT))
    assert root.call(path, authorization=token(f"{name}:password-1")).grpc == (16, WRONG)
    assert root.call(path, authorization=token(f"{name}:password-2")).grpc[0] == 0


@pytest.mark.parametrize("change", ["drop", "new password"])
def test_a_running_stream_ends_within_three_seconds(sallyport, grpc_backend, change):
    backend = grpc_backend()
    program = sallyport(backend.port)
    with Connection(program.address, timeout=20) as root, Connection(program.address, timeout=20) as client:
        for name in ("leaver", "stayer"):
            ok(root.call(SERVICE + "CreateCredential", create_credential(name, encoded("password")), authorization=ROOT))
        streams = {}
        for name in ("leaver", "stayer"):
            head = request_head("/sallyport.test.Passage/Hold", authorization=token(f"{name}:password"))
            streams[name] = client.start(head, h2raw.grpc_message(name.encode()))
            client.until(lambda: client.streams[streams[name]].message == b"held")
        mark = backend.mark()
        if change == "drop":
            ok(root.call(SERVICE + "DeleteCredential", delete_credential("leaver"), authorization=ROOT))
        else:
            ok(root.call(SERVICE + "UpdateCredential", update_credential("leaver", encoded("password"), encoded("password-2")), authorization=ROOT))
        answered = time.monotonic()
        ended = client.answer(streams["leaver"], timeout=5)
        took = time.monotonic() - answered
        assert took < 3, f"the stream went on for {took:.1f} s"
        assert ended.grpc[0] == 16, ended.frames
        assert ":status" not in [name for name, _ in ended.header_lists[-1]]  # trailers, since the answer had begun
        backend.wait_said("cancelled", since=mark, method="Hold", id="leaver")
        assert streams["stayer"] not in client.ended and not backend.said("cancelled", since=mark, id="stayer")
        assert client.call(SERVICE + "GetVersion", authorization=token("stayer:password")).grpc[0] == 0


def test_the_call_that_changes_ones_own_password_is_answered(sallyport):
    """It began with the password that it ends; the answer is the caller's all the same."""
    program = sallyport(free_port())
    with Connection(program.address, timeout=20) as client:
        ok(client.call(SERVICE + "CreateCredential", create_credential("self", encoded("password-0")), authorization=ROOT))
        for number in range(30):
            old, new = f"password-{number}", f"password-{number + 1}"
            answer = client.call(SERVICE + "UpdateCredential", update_credential("self", encoded(old), encoded(new)), authorization=token(f"self:{old}"))
            assert answer.grpc == (0, "") and answer.message == b"", f"change {number}: {answer.frames}"
        assert client.call(SERVICE + "SelectUser", select_user("self"), authorization=token("self:password-30")).grpc == (0, "")
