"""Whatever a stranger sends ends in a clear answer for them, a reason in our log, and nothing at the backend.

Method: Sallyport stands in front of a recorder in front of a real Milvus Lite. Each refused client is a raw one whose bytes are written here;
for each the answer on the wire is compared (status, text, and that a refusal is one HEADERS frame that ends the stream), the reason is looked
for in the log, and the recorder must have seen neither a request nor a connection. A good client before and after shows that the recorder
would have seen one. What passes is looked at too: nothing of a credential, and none of the fields that Milvus would trust, goes on.
"""

import base64
import random
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

from support import certificates, h2raw, protobuf
from support.h2raw import Closed, Connection, frame, request_head, tls_context, token
from support.paths import python_of
from support.program import Sallyport, configuration
from support.protobuf import SERVICE, encoded, text
from support.recorder import Recorder

GOOD = token("root:Milvus")
GET_VERSION = SERVICE + "GetVersion"
MISSING = "missing authorization in header"
FORMAT = "invalid token format"
API_KEY = "auth check failure, please check api key is correct"
WRONG = "auth check failure, please check username and password are correct"
MEMBER = base64.b64encode(b"@@milvus-member@@").decode()

# name: (authorization, other fields, text, reason in the log)
DENIED = {
    "no authorization": (None, (), MISSING, "missing_token"),
    "not base64": ("not base64!", (), FORMAT, "invalid_token"),
    "base64 without its padding": (token("root:Milvu").rstrip("="), (), FORMAT, "invalid_token"),
    "base64 in the URL alphabet": (token("root:\xfb\xff\xfe").replace("+", "-").replace("/", "_"), (), FORMAT, "invalid_token"),
    "a space inside": (GOOD[:8] + " " + GOOD[8:], (), FORMAT, "invalid_token"),
    "the scheme word Bearer": (f"Bearer {GOOD}", (), FORMAT, "invalid_token"),
    "the scheme word Basic": (f"Basic {GOOD}", (), FORMAT, "invalid_token"),
    "not encoded": ("root:Milvus", (), FORMAT, "invalid_token"),
    "no colon": (token("rootMilvus"), (), API_KEY, "api_key_unknown"),
    "an empty value": ("", (), API_KEY, "api_key_unknown"),
    "an unknown user": (token("nouser:Milvus"), (), WRONG, "unknown_user"),
    "another case of a name": (token("ROOT:Milvus"), (), WRONG, "unknown_user"),
    "a space after the name": (token("root :Milvus"), (), WRONG, "unknown_user"),
    "an empty name": (token(":Milvus"), (), WRONG, "unknown_user"),
    "a colon alone": (token(":"), (), WRONG, "unknown_user"),
    "a wrong password": (token("root:wrong"), (), WRONG, "wrong_password"),
    "an empty password": (token("root:"), (), WRONG, "wrong_password"),
    "a password with a zero byte after it": (token(b"root:Milvus\0"), (), WRONG, "wrong_password"),
    "a password that is no UTF-8": (token(b"root:\xff\xfe"), (), WRONG, "wrong_password"),
    "two, the good one first": ([GOOD, token("root:wrong")], (), FORMAT, "several_tokens"),
    "two, the good one last": ([token("root:wrong"), GOOD], (), FORMAT, "several_tokens"),
    "the good one twice": ([GOOD, GOOD], (), FORMAT, "several_tokens"),
    "two in one field": (f"{GOOD},{GOOD}", (), FORMAT, "several_tokens"),
    "over 1 KiB": (token("root:" + "x" * 1024), (), FORMAT, "token_too_long"),
    "sourceid alone, as in CVE-2025-64513": (None, [("sourceid", MEMBER)], MISSING, "missing_token"),
    "sourceid and a wrong password": (token("root:wrong"), [("sourceid", MEMBER)], WRONG, "wrong_password"),
    "the field token": (None, [("token", "root:Milvus")], MISSING, "missing_token"),
}


@pytest.fixture(scope="module")
def doors(certs, lite):
    """Three programs before one recorder before Milvus Lite, as (program, TLS of a good client): plaintext, TLS, mutual TLS."""
    recorder = Recorder(lite.port)
    base = Path(tempfile.mkdtemp(prefix="sallyport-"))
    made = {}
    for mode in (0, 1, 2):
        folder = base / str(mode)
        folder.mkdir()
        program = Sallyport(folder, configuration(folder, recorder.port, certs=certs, mode=mode))
        program.secrets |= {GOOD, MEMBER, token("root:wrong")}
        client = (certs / "client.pem", certs / "client.key") if mode == 2 else ()
        made[mode] = (program, tls_context(certs / "ca.pem", *client) if mode else None)
    yield made, recorder
    try:
        for program, _ in made.values():
            program.finish()
    finally:
        recorder.close()
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(params=(0, 2), ids=("plaintext", "mutual-tls"))
def door(request, doors):
    programs, recorder = doors
    return (*programs[request.param], recorder)


@pytest.fixture
def plain(doors):
    return doors[0][0][0], doors[1]


@pytest.fixture
def one_way(doors):
    return doors[0][1][0], doors[1]


@pytest.fixture
def mutual(doors):
    return doors[0][2][0], doors[1]


def open_good(program, tls):
    return Connection(program.address, tls)


def assert_refused(answer, status, text_):
    assert answer.trailers_only, answer.frames
    assert answer.form == [("HEADERS", True, [":status", "content-type", "grpc-status", "grpc-message"])]
    assert answer.fields[":status"] == "200" and answer.fields["content-type"] == "application/grpc"
    assert answer.grpc == (status, text_)


def test_a_good_request_is_seen_by_the_recorder(door):
    program, tls, recorder = door
    mark = recorder.mark()
    with open_good(program, tls) as client:
        assert client.call(GET_VERSION, authorization=GOOD).grpc[0] == 0
    assert [r.path for r in recorder.wait_requests(1, mark)] == [GET_VERSION]


@pytest.mark.parametrize("name", DENIED)
def test_door_2_refuses_and_the_connection_lives_on(door, name):
    program, tls, recorder = door
    authorization, extra, text_, reason = DENIED[name]
    with open_good(program, tls) as client:
        assert client.call(GET_VERSION, authorization=GOOD).grpc[0] == 0  # warms the pool: a refused one must not use it either
        mark, log = recorder.mark(), program.mark()
        assert_refused(client.call(GET_VERSION, authorization=authorization, extra=extra), 16, text_)
        event = program.wait_event("request_refused", since=log, reason=reason)
        assert event["path"] == GET_VERSION and event["peer"].startswith("127.0.0.1:") and event["level"] == "info", event
        recorder.assert_nothing_since(mark, f"because of {name}")
        assert client.call(GET_VERSION, authorization=GOOD).grpc[0] == 0


def test_no_refusal_opens_a_connection_to_the_backend(certs, lite, sallyport, recorder):
    """All of them again, before any good request: the pool stays empty."""
    before = recorder(lite.port)
    program = sallyport(before.port, certs=certs, mode=0)
    program.secrets |= {GOOD}
    with Connection(program.address) as client:
        for name, (authorization, extra, text_, _) in DENIED.items():
            assert_refused(client.call(GET_VERSION, authorization=authorization, extra=extra), 16, text_)
    assert not before.connections and not before.requests
    with Connection(program.address) as client:
        assert client.call(GET_VERSION, authorization=GOOD).grpc[0] == 0
    assert len(before.connections) == 1 and len(before.requests) == 1


def test_a_refused_upload_never_reaches_the_backend(door):
    """The refusal comes while the client still sends: RST_STREAM(NO_ERROR) follows, and what still comes is thrown away."""
    program, tls, recorder = door
    with open_good(program, tls) as client:
        mark = recorder.mark()
        stream = client.start(request_head(GET_VERSION, authorization=token("root:wrong"), scheme="https" if tls else "http"), b"\0" * 1000, end=False)
        client.until(lambda: any(f.kind == h2raw.RST_STREAM for f in client.streams[stream].frames))
        answer = client.streams[stream]
        assert answer.grpc == (16, WRONG) and answer.reset == 0
        client.send(frame(h2raw.DATA, h2raw.END_STREAM, stream, b"\0" * 1000))
        assert client.call(GET_VERSION, authorization=GOOD).grpc[0] == 0
        assert [r.path for r in recorder.since(mark)[1]] == [GET_VERSION]


@pytest.mark.parametrize("version", ("py24", "py30"))
def test_pymilvus_makes_one_attempt(plain, version):
    program, recorder = plain
    mark, log = recorder.mark(), program.mark()
    script = f"""
import os
os.environ["GRPC_VERBOSITY"] = "NONE"
from pymilvus import MilvusClient
try:
    MilvusClient(uri="http://127.0.0.1:{program.port}", token="root:wrong", timeout=5)
    print("connected", flush=True)
except Exception as error:
    print("refused", type(error).__name__, flush=True)
os._exit(0)
"""
    done = subprocess.run([python_of(version), "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("refused"), done.stdout + done.stderr
    program.wait_event(since=log, reason="wrong_password")
    assert len(program.events(since=log, reason="wrong_password")) == 1
    recorder.assert_nothing_since(mark)


# Not gRPC


@pytest.mark.parametrize("content_type", [None, "application/json", "application/grpc-web", "application/grpc-web+proto", "application/grpc+json",
                                          "text/plain", "application/grpcx"])
def test_what_is_not_grpc_is_answered_415_in_words(door, content_type):
    program, tls, recorder = door
    with open_good(program, tls) as client:
        mark, log = recorder.mark(), program.mark()
        answer = client.call(GET_VERSION, authorization=GOOD, content_type=content_type)
        assert answer.fields[":status"] == "415", answer.frames
        assert "application/grpc" in answer.body.decode() and answer.body.decode().strip().isprintable(), answer.body
        assert int(answer.fields.get("content-length", len(answer.body))) == len(answer.body)
        program.wait_event("request_refused", since=log, reason="not_grpc")
        recorder.assert_nothing_since(mark)
        assert client.call(GET_VERSION, authorization=GOOD).grpc[0] == 0


@pytest.mark.parametrize("content_type", ["application/grpc+proto", "application/grpc;charset=utf-8"])
def test_other_spellings_of_grpc_reach_the_backend_as_the_plain_one(plain, content_type):
    """Milvus resets a connection whose first request has any other content-type."""
    program, recorder = plain
    mark = recorder.mark()
    with Connection(program.address) as client:
        assert client.call(GET_VERSION, authorization=GOOD, content_type=content_type).grpc[0] == 0
    assert dict(recorder.wait_requests(1, mark)[0].fields)["content-type"] == "application/grpc"


def spoken(address, opening: bytes, tls=None) -> bytes:
    """Sends bytes on a fresh connection and reads until the peer closes; what it said."""
    with socket.create_connection(address, timeout=5) as plain_socket:
        client = tls.wrap_socket(plain_socket, server_hostname="localhost") if tls else plain_socket
        client.sendall(opening)
        heard = b""
        try:
            while data := client.recv(65536):
                heard += data
        except (ConnectionError, ssl.SSLError):
            pass
        return heard


HTTP_1 = "GET /v2/vectordb/collections/list HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer root:Milvus\r\nConnection: close\r\n\r\n".encode()


def test_http_1_on_a_plaintext_listener_is_answered_in_words(plain):
    program, recorder = plain
    mark, log = recorder.mark(), program.mark()
    heard = spoken(program.address, HTTP_1)
    assert re.match(rb"HTTP/1\.1 415 ", heard), heard
    assert b"application/grpc" in heard, heard
    program.wait_event("request_refused", since=log, reason="not_grpc", http_status="415", peer=re.compile("127.0.0.1"))
    recorder.assert_nothing_since(mark)


def test_http_1_over_tls_without_alpn_is_answered_in_words(one_way, certs):
    program, recorder = one_way
    mark, log = recorder.mark(), program.mark()
    heard = spoken(program.address, HTTP_1, tls_context(certs / "ca.pem", alpn=()))
    assert re.match(rb"HTTP/1\.1 415 ", heard) and b"application/grpc" in heard, heard
    program.wait_event("request_refused", since=log, reason="not_grpc", http_status="415", peer=re.compile("127.0.0.1"))
    recorder.assert_nothing_since(mark)


def test_http_1_alone_by_alpn_is_answered_in_words(one_way, certs):
    program, recorder = one_way
    mark, log = recorder.mark(), program.mark()
    heard = spoken(program.address, HTTP_1, tls_context(certs / "ca.pem", alpn=("http/1.1",)))
    assert re.match(rb"HTTP/1\.1 415 ", heard) and b"application/grpc" in heard, heard
    program.wait_event("request_refused", since=log, reason="not_grpc", http_status="415", peer=re.compile("127.0.0.1"))
    recorder.assert_nothing_since(mark)


def test_plaintext_http_1_on_the_tls_port_is_answered_in_words(mutual):
    program, recorder = mutual
    mark, log = recorder.mark(), program.mark()
    heard = spoken(program.address, HTTP_1)
    assert re.match(rb"HTTP/1\.1 400 ", heard) and re.search(rb"TLS|https", heard), heard
    program.wait_event("handshake_failed", since=log, peer=re.compile("127.0.0.1"), reason=re.compile("not TLS.*http1"))
    recorder.assert_nothing_since(mark)


def test_plaintext_grpc_on_the_tls_port_is_told_so(mutual):
    """HTTP/2 allows words in a GOAWAY."""
    program, recorder = mutual
    mark, log = recorder.mark(), program.mark()
    with Connection(program.address) as client:
        client.start(request_head(GET_VERSION, authorization=GOOD), h2raw.grpc_message(b""))
        client.read_to_end(5)
        assert client.goaways and b"TLS" in client.goaways[-1][2], client.seen
    program.wait_event("handshake_failed", since=log, peer=re.compile("127.0.0.1"), reason=re.compile("not TLS.*http2"))
    recorder.assert_nothing_since(mark)


def test_tls_on_a_plaintext_port_is_refused(plain, certs):
    program, recorder = plain
    mark, log = recorder.mark(), program.mark()
    with pytest.raises((ssl.SSLError, OSError)):
        Connection(program.address, tls_context(certs / "ca.pem"), timeout=5)
    program.wait_event("wrong_protocol", since=log, seen="tls", peer=re.compile("127.0.0.1"))
    recorder.assert_nothing_since(mark)


PROXY_HEADERS = {
    "version 1": b"PROXY TCP4 10.0.0.1 10.0.0.2 4711 19530\r\n",
    "version 2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([10, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x67, 0x4c, 0x4a]),
}


@pytest.mark.parametrize("header", PROXY_HEADERS.values(), ids=PROXY_HEADERS)
def test_a_proxy_header_is_no_opening_whatever_follows(door, header):
    """Whoever believes it lets a stranger choose the address that limits count."""
    program, tls, recorder = door
    mark, log = recorder.mark(), program.mark()
    assert spoken(program.address, header + HTTP_1) == b""
    if tls:
        program.wait_event("handshake_failed", since=log, peer=re.compile("127.0.0.1"), reason=re.compile("not TLS.*proxy_header"))
    else:
        program.wait_event("wrong_protocol", since=log, seen="proxy_header", peer=re.compile("127.0.0.1"))
    recorder.assert_nothing_since(mark)


# Door 1


@pytest.mark.parametrize("who", ["none", "wrong CA", "expired", "not yet valid", "self-signed", "server's purpose"])
def test_door_1_refuses_in_the_handshake(mutual, certs, bad_certs, who):
    program, recorder = mutual
    mark, log = recorder.mark(), program.mark()
    cert, key = bad_certs.get(who, (None, None))
    with pytest.raises((Closed, ssl.SSLError, ConnectionError)):
        with Connection(program.address, tls_context(certs / "ca.pem", cert, key)) as client:
            client.call(GET_VERSION, authorization=GOOD)
    program.wait_event("handshake_failed", since=log, peer=re.compile("127.0.0.1"), reason=re.compile("."))
    recorder.assert_nothing_since(mark, f"because of a certificate: {who}")


# Broken HTTP/2


def settled(client):
    """Reads the server's SETTINGS, so that what follows is judged by itself."""
    client.until(lambda: any(f.kind == h2raw.SETTINGS for f in client.seen))
    return client


GARBAGE = {
    "random bytes": random.Random(1).randbytes(4096),  # the same in each run: one in a thousand would be the beginning of a long frame
    "a frame that is too large": frame(h2raw.DATA, 0, 1, b"x" * 16_385),
    "SETTINGS of five bytes": frame(h2raw.SETTINGS, 0, 0, b"12345"),
    "DATA on stream 0": frame(h2raw.DATA, 0, 0, b"x"),
    "DATA on an idle stream": frame(h2raw.DATA, 0, 5, b"x"),
    "HEADERS on an even stream": frame(h2raw.HEADERS, 0x5, 2, b"\x82"),
    "a header block that does not decode": frame(h2raw.HEADERS, 0x5, 1, b"\xff\xff\xff\xff\xff\xff"),
    "CONTINUATION out of nowhere": frame(h2raw.CONTINUATION, 0x4, 1, b"\x82"),
    "PUSH_PROMISE from a client": frame(h2raw.PUSH_PROMISE, 0x4, 1, b"\0\0\0\2\x82"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_frames_end_the_connection(door, name):
    program, tls, recorder = door
    mark, log = recorder.mark(), program.mark()
    with settled(open_good(program, tls)) as client:
        client.send(GARBAGE[name])
        client.read_to_end(5)
        assert client.goaways and client.goaways[-1][1] != 0, client.seen
    program.wait_event("connection_failed", since=log, code=re.compile("."), reason=re.compile("."), peer=re.compile("127.0.0.1"))
    recorder.assert_nothing_since(mark, f"because of {name}")


def test_bytes_that_are_no_preface_end_the_connection(door):
    program, tls, recorder = door
    mark, log = recorder.mark(), program.mark()
    spoken(program.address, b"\x00\x01\x02garbage" * 20, tls)
    program.wait_event(since=log, event=re.compile("connection_failed|wrong_protocol"), peer=re.compile("127.0.0.1"))
    recorder.assert_nothing_since(mark)


def grpc_head(**changed):
    """A good head with pseudo-headers replaced or fields added; None removes one."""
    head = dict(request_head(GET_VERSION, authorization=GOOD))
    head.update({name.replace("__", ":").replace("_", "-"): value for name, value in changed.items()})
    return [(n, v) for n, v in head.items() if v is not None]


MALFORMED = {
    "no :path": grpc_head(__path=None),
    "an empty :path": grpc_head(__path=""),
    "no :method": grpc_head(__method=None),
    "an upper-case name": grpc_head() + [("X-Upper", "1")],
    "connection: close": grpc_head() + [("connection", "close")],
    "te: gzip": grpc_head(te="gzip"),
    "transfer-encoding": grpc_head() + [("transfer-encoding", "chunked")],
    ":authority and host that differ": grpc_head() + [("host", "elsewhere")],
    "a pseudo-header after a field": [*grpc_head(__path=None), (":path", GET_VERSION)],
    "a line end in a value": grpc_head() + [("x-split", "a\r\nauthorization: b")],
    "a zero byte in a value": grpc_head() + [("x-zero", "a\0b")],
    "an unknown pseudo-header": [(":protocol", "websocket"), *grpc_head()],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_head_is_reset_and_goes_no_further(plain, name):
    program, recorder = plain
    mark, log = recorder.mark(), program.mark()
    with Connection(program.address) as client:
        answer = client.answer(client.start(MALFORMED[name], h2raw.grpc_message(b"")))
        assert answer.reset == 1 and not answer.header_lists, answer.frames  # PROTOCOL_ERROR
        program.wait_event(since=log, reason=re.compile("."), peer=re.compile("127.0.0.1"))
        recorder.assert_nothing_since(mark, f"because of {name}")
        assert client.call(GET_VERSION, authorization=GOOD).grpc[0] == 0


@pytest.mark.parametrize("path", ["milvus.proto.milvus.MilvusService/GetVersion", "//milvus.proto.milvus.MilvusService/GetVersion",
                                  "/milvus.proto.milvus.MilvusService/./GetVersion", "/milvus.proto.milvus.MilvusService/GetVersion/",
                                  "/milvus.proto.milvus.MilvusService%2FGetVersion", "/milvus.proto.milvus.MilvusService/GetVersion?a=b",
                                  "/milvus.proto.milvus.MilvusService/GetVersion;a=b", "/", "*"])
def test_a_path_that_is_not_canonical_goes_no_further(plain, path):
    """Either the stream is reset as malformed, or it is UNIMPLEMENTED: never forwarded, whatever a backend would make of it."""
    program, recorder = plain
    mark, log = recorder.mark(), program.mark()
    with Connection(program.address) as client:
        answer = client.call(path, authorization=GOOD)
        assert answer.reset == 1 or answer.trailers_only and answer.grpc[0] == 12, answer.frames
        program.wait_event(since=log, reason=re.compile("."), peer=re.compile("127.0.0.1"))
        recorder.assert_nothing_since(mark, f"because of the path {path}")


OVERSIZE = {
    "one field of 20,000 bytes": [("x-long", "x" * 20_000)],
    "129 fields": [(f"x-{number}", "1") for number in range(129)],
    "129 crumbs of a cookie": [("cookie", "a=b")] * 129,
}


@pytest.mark.parametrize("name", OVERSIZE)
def test_oversize_headers_are_resource_exhausted(door, name):
    program, tls, recorder = door
    mark, log = recorder.mark(), program.mark()
    with open_good(program, tls) as client:
        answer = client.call(GET_VERSION, authorization=GOOD, extra=OVERSIZE[name])
        assert answer.header_lists and answer.header_lists[0][0] == (":status", "200") and answer.grpc[0] == 8, answer.frames
        program.wait_event(since=log, reason=re.compile("."), peer=re.compile("127.0.0.1"))
        recorder.assert_nothing_since(mark, f"because of {name}")
        assert client.call(GET_VERSION, authorization=GOOD).grpc[0] == 0


def test_oversize_headers_three_times_end_the_connection(plain):
    program, recorder = plain
    mark = recorder.mark()
    with Connection(program.address) as client:
        for _ in range(3):
            client.start(request_head(GET_VERSION, authorization=GOOD, extra=OVERSIZE["129 fields"]), h2raw.grpc_message(b""))
        client.read_to_end(5)
        assert client.goaways and client.goaways[-1][1] == 11, client.seen  # ENHANCE_YOUR_CALM
    recorder.assert_nothing_since(mark)


def test_a_credential_in_trailers_is_a_protocol_error(plain):
    program, recorder = plain
    mark = recorder.mark()
    with Connection(program.address) as client:
        stream = client.start(request_head(GET_VERSION), h2raw.grpc_message(b""), end=False)
        client.send(client.head_frames(stream, [("authorization", GOOD)], end_stream=True))
        client.answer(stream)
        assert client.call(GET_VERSION, authorization=GOOD).grpc[0] == 0
    assert len(recorder.since(mark)[1]) == 1


# What a good credential does not open


FAMILIES = ["CreateRole", "DropRole", "OperateUserRole", "SelectRole", "OperatePrivilege", "OperatePrivilegeV2", "SelectGrant", "BackupRBAC", "RestoreRBAC",
            "CreatePrivilegeGroup", "DropPrivilegeGroup", "ListPrivilegeGroups", "OperatePrivilegeGroup", "AddUserTags", "DeleteUserTags", "GetUserTags",
            "ListUsersWithTag", "AlterRole"]


@pytest.mark.parametrize("method", FAMILIES)
def test_no_call_of_the_user_and_role_families_is_forwarded(plain, method):
    program, recorder = plain
    mark = recorder.mark()
    with Connection(program.address) as client:
        answer = client.call(SERVICE + method, text(2, "x"), authorization=GOOD)
        assert answer.trailers_only and answer.grpc[0] == 12 and len(answer.grpc[1]) > 20, answer.frames
    recorder.assert_nothing_since(mark)


def test_the_user_calls_are_answered_here(plain):
    program, recorder = plain
    mark = recorder.mark()
    with Connection(program.address) as client:
        for method, body in (("CreateCredential", protobuf.create_credential("here", encoded("P@ssw0rd"))), ("ListCredUsers", b""),
                             ("SelectUser", protobuf.select_user("here")),
                             ("UpdateCredential", protobuf.update_credential("here", encoded("P@ssw0rd"), encoded("P@ssw0rd2"))),
                             ("DeleteCredential", protobuf.delete_credential("here"))):
            assert client.call(SERVICE + method, body, authorization=GOOD).grpc == (0, ""), method
    recorder.assert_nothing_since(mark)


def test_what_passes_has_nothing_that_milvus_would_trust(plain):
    program, recorder = plain
    mark = recorder.mark()
    sent = [("sourceid", MEMBER), ("token", "root:Milvus"), ("x-sallyport-user", "root"), ("x_sallyport_user", "root"), ("dbname", "default"),
            ("identifier", "42"), ("client-request-id", "abc"), ("trace-bin", "AAEC")]
    with Connection(program.address) as client:
        assert client.call(GET_VERSION, authorization=GOOD, extra=sent).grpc[0] == 0
    request = recorder.wait_requests(1, mark)[0]
    got = dict(request.fields)
    assert {"authorization", "sourceid", "token"}.isdisjoint(request.names), request.fields
    assert got.get("x-sallyport-user") != "root" and "x_sallyport_user" not in got, request.fields
    assert (got["dbname"], got["identifier"], got["client-request-id"], got["trace-bin"]) == ("default", "42", "abc", "AAEC")
    assert got["te"] == "trailers" and got["content-type"] == "application/grpc" and got[":path"] == GET_VERSION
    for seen in recorder.requests:
        assert not [pair for pair in seen.fields if GOOD in pair[1] or "root" in pair[1] or MEMBER in pair[1]], seen.fields


def test_the_credential_is_forwarded_only_where_the_configuration_says_so(lite, recorder, sallyport):
    before = recorder(lite.port)
    program = sallyport([{"name": "milvus", "endpoints": [f"127.0.0.1:{before.port}"], "credentials": "forward"}])
    with Connection(program.address) as client:
        assert client.call(GET_VERSION, authorization=GOOD, extra=[("sourceid", MEMBER)]).grpc[0] == 0
    request = before.wait_requests(1)[0]
    assert [v for n, v in request.fields if n == "authorization"] == [GOOD] and "sourceid" not in request.names


def test_the_backend_is_told_who_passed_only_by_us(lite, recorder, sallyport, certs, folder):
    before = recorder(lite.port)
    backend = {"name": "milvus", "endpoints": [f"127.0.0.1:{before.port}"], "identity": "headers"}
    program = sallyport([backend], certs=certs, mode=2)
    shown = certificates.leaf(folder, "Zoé, 100%", (certs / "ca.pem", certs / "ca.key"))
    spoofed = [(name, "admin") for name in ("x-sallyport-user", "x_sallyport_user", "x-sallyport-certificate-subject", "x-sallyport_certificate_subject")]
    with Connection(program.address, tls_context(certs / "ca.pem", *shown)) as client:
        assert client.call(GET_VERSION, authorization=GOOD, extra=spoofed).grpc[0] == 0
    request = before.wait_requests(1)[0]
    told = [pair for pair in request.fields if "sallyport" in pair[0]]
    assert told == [("x-sallyport-user", "root"), ("x-sallyport-certificate-subject", r"CN=Zo%C3%A9\, 100%25,O=sallyport tests")]
