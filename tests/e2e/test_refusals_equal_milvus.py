"""A refusal by Sallyport is the refusal that Milvus itself would have given: status, text, code, and the form of its frames.

Method: a real Milvus 2.3.5 with its users on is started, and Sallyport in front of it (with the credential passed on, so that what passes here is
judged by Milvus as well). Each case is one raw gRPC request, sent to both; compared are the grpc-status, the grpc-message, the bytes of the
answer's message (common.Status with error_code, code, reason and detail), and the frames with the order of the names in their header blocks.
The cases are those of the measured tables: of credentials, of the user calls, of who may do what. They change both stores alike, in order.
What differs on purpose is named in DIFFERENCES with its reason and with what Sallyport says instead; an entry that is not needed fails.

A recorder before Milvus shows that it was Sallyport that answered: of all these cases only a GetVersion with a good credential gets there.
"""

import shutil
import tempfile
from pathlib import Path

import pytest

from support import protobuf
from support.h2raw import Connection, token
from support.program import Sallyport, command, configuration
from support.recorder import Recorder
from support.protobuf import SERVICE, create_credential, delete_credential, encoded, select_user, update_credential

ROOT = token("root:Milvus")
U1 = token("u1:secret-1")
BOSS = token("boss:secret-b")  # common.security.superUsers
ADMIN = token("chief:secret-c")  # holds the role admin
ALL_72 = "p" * 72

WRONG = "auth check failure, please check username and password are correct"


class Case:
    def __init__(self, method, body, named):
        self.method, self.body, self.named = method, body, named

    def send(self, client):
        return client.call(SERVICE + self.method, self.body, **self.named)


def unary(method, body=b"", **named):
    return Case(method, body, named)


def version(authorization, **named):
    return unary("GetVersion", authorization=authorization, **named)


# In order: the later ones build on the state that the earlier ones made. name -> request
CASES = {
    # credentials
    "credential: none": version(None),
    "credential: good": version(ROOT),
    "credential: wrong password": version(token("root:wrong")),
    "credential: unknown user": version(token("nouser:x")),
    "credential: another case of the name": version(token("ROOT:Milvus")),
    "credential: a space after the name": version(token("root :Milvus")),
    "credential: a colon alone": version(token(":")),
    "credential: empty password": version(token("root:")),
    "credential: empty name": version(token(":Milvus")),
    "credential: a password that is no UTF-8": version(token(b"root:\xff\xfe")),
    "credential: no colon": version(token("rootMilvus")),
    "credential: empty value": version(""),
    "credential: not base64": version("!!!"),
    "credential: unpadded": version(ROOT.rstrip("=")),
    "credential: Bearer": version(f"Bearer {ROOT}"),
    "credential: Basic": version(f"Basic {ROOT}"),
    "credential: not encoded": version("root:Milvus"),
    "credential: a space inside": version(ROOT[:4] + " " + ROOT[4:]),
    "credential: in the field token": version(None, extra=[("token", "root:Milvus")]),
    "credential: good, unknown dbname": version(ROOT, extra=[("dbname", "nope")]),
    "credential: good, odd identifier": version(ROOT, extra=[("identifier", "abc")]),
    "credential: the good one first of two": version([ROOT, token("root:wrong")]),
    "credential: the good one last of two": version([token("root:wrong"), ROOT]),
    "credential: two in one field": version(f"{ROOT},{ROOT}"),
    "credential: none, for a user call": unary("ListCredUsers"),
    "credential: wrong, for a user call": unary("CreateCredential", create_credential("x1", encoded("secret")), authorization=token("root:wrong")),
    # create
    "create: empty name": unary("CreateCredential", create_credential("", encoded("secret")), authorization=ROOT),
    "create: blank name": unary("CreateCredential", create_credential("  ", encoded("secret")), authorization=ROOT),
    "create: name of 33 bytes": unary("CreateCredential", create_credential("a" * 33, encoded("secret")), authorization=ROOT),
    "create: name of 32 bytes": unary("CreateCredential", create_credential("a" * 32, encoded("secret")), authorization=ROOT),
    "create: name that begins with a digit": unary("CreateCredential", create_credential("1a", encoded("secret")), authorization=ROOT),
    "create: name with a dash": unary("CreateCredential", create_credential("a-b", encoded("secret")), authorization=ROOT),
    "create: password of 5 bytes": unary("CreateCredential", create_credential("u1", encoded("short")), authorization=ROOT),
    "create: password of 257 bytes": unary("CreateCredential", create_credential("u1", encoded("p" * 257)), authorization=ROOT),
    "create: empty password": unary("CreateCredential", create_credential("u1", ""), authorization=ROOT),
    "create: password not base64": unary("CreateCredential", create_credential("u1", "secret*"), authorization=ROOT),
    "create: password unpadded": unary("CreateCredential", create_credential("u1", "c2VjcmV0LTE"), authorization=ROOT),
    "create: both name and password wrong": unary("CreateCredential", create_credential("1a", encoded("short")), authorization=ROOT),
    "create: u1": unary("CreateCredential", create_credential("u1", encoded("secret-1")), authorization=ROOT),
    "create: u1 again": unary("CreateCredential", create_credential("u1", encoded("secret-1")), authorization=ROOT),
    "create: root": unary("CreateCredential", create_credential("root", encoded("secret-1")), authorization=ROOT),
    "create: password of 6 bytes": unary("CreateCredential", create_credential("six", encoded("secret")), authorization=ROOT),
    "create: password of 72 bytes": unary("CreateCredential", create_credential("long72", encoded(ALL_72)), authorization=ROOT),
    "create: password of 73 bytes": unary("CreateCredential", create_credential("long73", encoded(ALL_72 + "p")), authorization=ROOT),
    "create: password of 256 bytes": unary("CreateCredential", create_credential("long256", encoded("p" * 256)), authorization=ROOT),
    "create: name with blanks around it": unary("CreateCredential", create_credential(" pad ", encoded("secret")), authorization=ROOT),
    "create: password that is base64 by chance": unary("CreateCredential", create_credential("chance", "abcdefgh"), authorization=ROOT),
    "create: boss": unary("CreateCredential", create_credential("boss", encoded("secret-b")), authorization=ROOT),
    "create: malformed message": unary("CreateCredential", b"\xff\xff\xff", authorization=ROOT),
    "create: by u1": unary("CreateCredential", create_credential("x", encoded("secret-x")), authorization=U1),
    "create: by u1, nothing right": unary("CreateCredential", create_credential("1", "*"), authorization=U1),
    # log in with what was made
    "login: u1": version(U1),
    "login: u1, wrong": version(token("u1:secret-2")),
    "login: a password of 72 bytes": version(token(f"long72:{ALL_72}")),
    "login: 72 bytes and one more": version(token(f"long72:{ALL_72}p")),
    "login: a password of 73 bytes": unary("SelectUser", select_user("long73"), authorization=token(f"long73:{ALL_72}p")),
    # update
    "update: not base64, old": unary("UpdateCredential", update_credential("u1", "*", encoded("secret-2")), authorization=ROOT),
    "update: not base64, new": unary("UpdateCredential", update_credential("u1", encoded("secret-1"), "*"), authorization=ROOT),
    "update: new of 5 bytes": unary("UpdateCredential", update_credential("u1", encoded("secret-1"), encoded("short")), authorization=U1),
    "update: new of 257 bytes": unary("UpdateCredential", update_credential("u1", encoded("secret-1"), encoded("p" * 257)), authorization=U1),
    "update: both wrong": unary("UpdateCredential", update_credential("u1", encoded("wrong-1"), encoded("short")), authorization=U1),
    "update: wrong old, by oneself": unary("UpdateCredential", update_credential("u1", encoded("wrong-1"), encoded("secret-2")), authorization=U1),
    "update: wrong old, by root": unary("UpdateCredential", update_credential("u1", encoded("wrong-1"), encoded("secret-2")), authorization=ROOT),
    "update: no old, by root": unary("UpdateCredential", update_credential("u1", "", encoded("secret-2")), authorization=ROOT),
    "update: unknown user, by root": unary("UpdateCredential", update_credential("nobody", encoded("secret-1"), encoded("secret-2")), authorization=ROOT),
    "update: another's, by u1": unary("UpdateCredential", update_credential("root", encoded("Milvus"), encoded("secret-2")), authorization=U1),
    "update: another's, by u1, nothing right": unary("UpdateCredential", update_credential("root", "*", "*"), authorization=U1),
    "update: new of 73 bytes": unary("UpdateCredential", update_credential("u1", encoded("secret-1"), encoded("p" * 73)), authorization=U1),
    "update: malformed message": unary("UpdateCredential", b"\xff\xff\xff", authorization=ROOT),
    "update: six, by oneself": unary("UpdateCredential", update_credential("six", encoded("secret"), encoded("secret-6")),
                                     authorization=token("six:secret")),
    "update: six's old one": version(token("six:secret")),
    "update: six's new one": version(token("six:secret-6")),
    "update: six, by root with the old one": unary("UpdateCredential", update_credential("six", encoded("secret-6"), encoded("secret-7")),
                                                   authorization=ROOT),
    # super users
    "super: another's, without being its administrator": unary("UpdateCredential", update_credential("six", "", encoded("secret-8")),
                                                               authorization=BOSS),
    "super: its own, without the old one": unary("UpdateCredential", update_credential("boss", "", encoded("secret-b2")), authorization=BOSS),
    "super: its own old one": version(BOSS),
    "super: its own new one": version(token("boss:secret-b2")),
    # read
    "list: by root": unary("ListCredUsers", authorization=ROOT),
    "list: by u1": unary("ListCredUsers", authorization=token("six:secret-7")),
    "select: u1 by root": unary("SelectUser", select_user("six"), authorization=ROOT),
    "select: u1 by root, with roles": unary("SelectUser", select_user("six", roles=True), authorization=ROOT),
    "select: root by root, with roles": unary("SelectUser", select_user("root", roles=True), authorization=ROOT),
    "select: unknown by root": unary("SelectUser", select_user("nobody"), authorization=ROOT),
    "select: blanks around the name": unary("SelectUser", select_user(" six "), authorization=ROOT),
    "select: empty name by root": unary("SelectUser", select_user(""), authorization=ROOT),
    "select: all by root": unary("SelectUser", select_user(), authorization=ROOT),
    "select: oneself": unary("SelectUser", select_user("six", roles=True), authorization=token("six:secret-7")),
    "select: another": unary("SelectUser", select_user("root"), authorization=token("six:secret-7")),
    "select: unknown by oneself": unary("SelectUser", select_user("nobody"), authorization=token("six:secret-7")),
    "select: all by a user": unary("SelectUser", select_user(), authorization=token("six:secret-7")),
    # drop
    "drop: root by root": unary("DeleteCredential", delete_credential("root"), authorization=ROOT),
    "drop: unknown": unary("DeleteCredential", delete_credential("nobody"), authorization=ROOT),
    "drop: empty name": unary("DeleteCredential", delete_credential(""), authorization=ROOT),
    "drop: by a user": unary("DeleteCredential", delete_credential("u1"), authorization=token("six:secret-7")),
    "drop: oneself, by a user": unary("DeleteCredential", delete_credential("six"), authorization=token("six:secret-7")),
    "drop: root, by a user": unary("DeleteCredential", delete_credential("root"), authorization=token("six:secret-7")),
    "drop: malformed message": unary("DeleteCredential", b"\xff\xff\xff", authorization=ROOT),
    "drop: root, by an administrator": unary("DeleteCredential", delete_credential("root"), authorization=ADMIN),
    "drop: another, by an administrator": unary("DeleteCredential", delete_credential("long72"), authorization=ADMIN),
    "drop: oneself, by an administrator": unary("DeleteCredential", delete_credential("chief"), authorization=ADMIN),
    "drop: six": unary("DeleteCredential", delete_credential("six"), authorization=ROOT),
    "drop: six again": unary("DeleteCredential", delete_credential("six"), authorization=ROOT),
    "list: at the end": unary("ListCredUsers", authorization=ROOT),
}


def failure(error_code, code, reason, detail=True) -> dict:
    return {"error_code": error_code, "code": code, "reason": reason, "detail": reason if detail else "", "retriable": 0}


FINE = {"error_code": 0, "code": 0, "reason": "", "detail": "", "retriable": 0}
FORMAT = (16, "invalid token format")

# name -> (why, what Sallyport says instead: (grpc-status, grpc-message) when the call fails, else the Status, else the list of names)
DIFFERENCES = {
    "credential: the good one first of two": ("Milvus takes the first of two; whoever judges another one than the backend uses is confused", FORMAT),
    "credential: the good one last of two": ("exactly one authorization field passes, so two are no token at all", FORMAT),
    "create: name of 33 bytes": ("Milvus prints %!d(string=32): its format slips are repaired", failure(
        5, 1100, f"invalid username {'a' * 33} with length 33, the length of username must be less than 32: invalid parameter")),
    "create: name that begins with a digit": ("Milvus prints %!s(uint8=49)", failure(
        5, 1100, "invalid user name 1a, the first character must be a letter, but got 1: invalid parameter")),
    "create: name with a dash": ("Milvus prints %!s(uint8=45)", failure(
        5, 1100, "invalid user name a-b, username must contain only numbers, letters and underscores, but got -: invalid parameter")),
    "create: both name and password wrong": ("Milvus prints %!s(uint8=49)", failure(
        5, 1100, "invalid user name 1a, the first character must be a letter, but got 1: invalid parameter")),
    "create: password of 73 bytes": ("passwords of 6 to 256 bytes all work here; bcrypt stops Milvus at 72", FINE),
    "create: password of 256 bytes": ("passwords of 6 to 256 bytes all work here", FINE),
    "login: a password of 73 bytes": ("passwords of 6 to 256 bytes all work here", ["long73"]),
    "update: new of 73 bytes": ("passwords of 6 to 256 bytes all work here", FINE),
    "create: malformed message": ("Go's protobuf words its errors differently from run to run, with an invisible character", (13, None)),
    "update: malformed message": ("Go's protobuf words its errors differently from run to run", (13, None)),
    "drop: malformed message": ("Go's protobuf words its errors differently from run to run", (13, None)),
    "drop: oneself, by an administrator": ("an administrator that drops itself locks the house from outside; Milvus lets it", failure(
        1, 1401, "user can not be deleted by itself: privilege not permitted")),
    "list: by root": ("the names that were trimmed and the users with long passwords",
                      ["a" * 32, "boss", "chance", "chief", "long256", "long72", "long73", "pad", "root", "six", "u1"]),
    "list: at the end": ("the same, and chief, who could not drop itself",
                         ["a" * 32, "boss", "chance", "chief", "long256", "long73", "pad", "root", "u1"]),
    "select: all by root": ("the names that were trimmed and the users with long passwords",
                            ["a" * 32, "boss", "chance", "chief", "long256", "long72", "long73", "pad", "root", "six", "u1"]),
}


@pytest.fixture(scope="module")
def sides(milvus):
    """(a connection to Milvus, a connection to Sallyport, the recorder between the two)."""
    real = milvus("authorization_enabled=true", "super_users=boss")
    recorder = Recorder(real.port)
    folder = Path(tempfile.mkdtemp(prefix="sallyport-"))
    backends = [{"name": "milvus", "endpoints": [f"127.0.0.1:{recorder.port}"], "credentials": "forward"}]
    # superUsers is a key of Milvus' own settings
    (folder / "milvus.yaml").write_text("common:\n  security:\n    authorizationEnabled: true\n    superUsers: boss\n")
    program = Sallyport(folder, configuration(folder, backends, milvus_config=str(folder / "milvus.yaml")))
    direct, ours = Connection(("127.0.0.1", real.port)), Connection(program.address)

    # An administrator on both sides: here by the command, there by the role that Milvus has for it.
    code, out, err = command("user", "add", "chief", "-c", program.file, "--password-stdin", "--roles", "admin", stdin="secret-c", folder=folder)
    assert code == 0, out + err
    assert direct.call(SERVICE + "CreateCredential", create_credential("chief", encoded("secret-c")), authorization=ROOT).grpc == (0, "")
    add = protobuf.text(2, "chief") + protobuf.text(3, "admin")  # OperateUserRole{username, role_name, type AddUserToRole}
    assert protobuf.status(direct.call(SERVICE + "OperateUserRole", add, authorization=ROOT).message) == FINE
    try:
        yield direct, ours, recorder
        program.finish()
    finally:
        program.stop()
        recorder.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def answers(sides):
    """Every case sent to both, in order: name -> (Milvus' answer, ours)."""
    direct, ours, _ = sides
    return {name: (case.send(direct), case.send(ours)) for name, case in CASES.items()}


def in_words(name, answer):
    """What an entry of DIFFERENCES is compared with."""
    method = CASES[name].method
    if answer.message is None or answer.grpc[0] != 0 or method == "GetVersion":
        return answer.grpc
    if method == "ListCredUsers":
        return protobuf.user_names(answer.message)
    if method == "SelectUser":
        return [user for user, _, _ in protobuf.user_results(answer.message)]
    return protobuf.status(answer.message)


def seen(answer):
    """Everything a client can see of an answer."""
    return {"grpc": answer.grpc, "message": answer.message, "form": answer.form, "blocks": answer.header_lists}


@pytest.mark.parametrize("name", CASES)
def test_equal(answers, name):
    theirs, ours = answers[name]
    if name not in DIFFERENCES:
        assert seen(ours) == seen(theirs), f"{in_words(name, ours)} is not {in_words(name, theirs)}"
        return
    why, instead = DIFFERENCES[name]
    assert seen(ours) != seen(theirs), f"the entry is not needed: Milvus says the same ({why})"
    got = in_words(name, ours)
    if isinstance(instead, tuple) and instead[1] is None:
        got, instead = got[0], instead[0]
    assert got == instead, f"{why}; Milvus: {in_words(name, theirs)}"
    if ours.trailers_only:
        assert ours.form == [("HEADERS", True, [":status", "content-type", "grpc-status", "grpc-message"])]


def test_every_difference_belongs_to_a_case():
    assert set(DIFFERENCES) <= set(CASES)


def test_only_good_credentials_got_as_far_as_milvus(sides, answers):
    """Or the comparison above would be of Milvus with itself."""
    _, _, recorder = sides
    passed = [name for name, case in CASES.items() if case.method == "GetVersion" and answers[name][1].grpc[0] == 0]
    assert [r.path for r in recorder.requests] == [SERVICE + "GetVersion"] * len(recorder.requests)
    assert len(recorder.requests) == len(passed), (passed, [r.fields for r in recorder.requests])
