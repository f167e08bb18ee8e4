"""gRPC and REST share one port, behind both doors, whichever HTTP the client speaks; what Milvus' REST may read in two ways never gets there.

Method: curl with its default ALPN, with --http1.1 and with --http2, in front of a real Milvus 2.3.5 (REST v1) and of a backend that writes
down what it sees (support/http1_backend.py); raw sockets where bytes matter.
"""

import base64
import hashlib
import json
import re
import socket
import subprocess
import time

import pytest

from support.backends import free_port
from support.h2raw import Connection, tls_context, token
from support.http1_backend import RestBackend

HTTPS = ["", "--http1.1", "--http2"]
BASIC = "Basic " + base64.b64encode(b"root:Milvus").decode()
REFUSED = b'{"code":1800,"message":"user hasn\'t authenticated"}'


@pytest.fixture
def backend():
    made = RestBackend()
    yield made
    made.close()


@pytest.fixture
def door(sallyport, backend, certs):
    """(program, backend): TLS, tokens, REST over HTTP/1.1."""
    return sallyport([{"name": "milvus", "endpoints": [f"127.0.0.1:{backend.port}"]}], certs=certs, mode=1), backend


class Answer:
    def __init__(self, status, version, body, head):
        self.status, self.version, self.body, self.head = int(status), version, body, head.lower()

    @property
    def json(self):
        return json.loads(self.body)


def curl(program, certs, path, *arguments, how="", token="Bearer root:Milvus", timeout=20):
    command = ["curl", "-sS", "-D", "/dev/stderr", "-o", "-", "-w", "\n%{http_code} %{http_version}", "--max-time", str(timeout), "--cacert", certs / "ca.pem"]
    command += [how] if how else []
    command += ["-H", f"Authorization: {token}"] if token else []
    done = subprocess.run([str(a) for a in [*command, *arguments, f"https://localhost:{program.port}{path}"]], capture_output=True, timeout=timeout + 10)
    body, _, tail = done.stdout.rpartition(b"\n")
    status, version = tail.split()
    return Answer(status, version.decode(), body, done.stderr.decode("latin-1"))


@pytest.mark.parametrize("how", HTTPS)
def test_a_real_milvus_answers_rest_through_both_doors(sallyport, milvus, certs, how):
    real = milvus()
    program = sallyport([{"name": "milvus", "endpoints": [f"127.0.0.1:{real.port}"]}], certs=certs, mode=1)
    answer = curl(program, certs, "/v1/vector/collections", how=how)
    assert answer.status == 200 and answer.json["code"] == 200, answer.body
    assert answer.version == ("1.1" if how == "--http1.1" else "2")
    made = curl(program, certs, "/v1/vector/collections/create", "-d", json.dumps({"collectionName": "rest_" + how.strip("-").replace(".", ""), "dimension": 4}),
                "-H", "Content-Type: application/json", how=how)
    assert made.status == 200 and made.json["code"] == 200, made.body
    assert curl(program, certs, "/v1/vector/collections", how=how, token=None).status == 401
    # And gRPC on the same port.
    with Connection(program.address, tls_context(certs / "ca.pem")) as client:
        assert client.call("/milvus.proto.milvus.MilvusService/GetVersion", authorization=token("root:Milvus")).grpc[0] == 0


@pytest.mark.parametrize("how", HTTPS)
@pytest.mark.parametrize("shown", [BASIC, BASIC.replace("Basic", "basic"), BASIC.replace("Basic", "BASIC"), "Bearer root:Milvus", "root:Milvus"])
def test_the_forms_of_a_token_that_milvus_takes(door, certs, shown, how):
    program, backend = door
    answer = curl(program, certs, "/v1/x", how=how, token=shown)
    assert answer.status == 200, answer.body
    assert "authorization" not in [name.lower() for name, _ in answer.json["fields"]]


@pytest.mark.parametrize("how", HTTPS)
@pytest.mark.parametrize("shown", [None, "bearer root:Milvus", "Bearer  root:Milvus", "Bearer " + BASIC[6:], BASIC[6:], "Bearer root:", "Bearer :Milvus", "Bearer root:wrong",
                                   "Bearer nobody:Milvus", "Basic " + base64.b64encode(b"root:wrong").decode()])
def test_what_milvus_refuses_is_401_in_its_words_and_never_gets_there(door, certs, shown, how):
    program, backend = door
    mark = backend.mark()
    answer = curl(program, certs, "/v1/x", how=how, token=shown)
    assert (answer.status, answer.body) == (401, REFUSED)
    assert "content-type: application/json; charset=utf-8" in answer.head
    assert ('www-authenticate: basic realm="restricted", charset="utf-8"' in answer.head) == (shown or "").startswith("Basic ")
    backend.assert_nothing_since(mark)


@pytest.mark.parametrize("how", HTTPS)
def test_bodies_pass_whole_both_ways(door, certs, how, tmp_path):
    program, backend = door
    content = bytes(range(256)) * 40_000
    file = tmp_path / "up"
    file.write_bytes(content)
    for extra in ([], ["-H", "Transfer-Encoding: chunked"]):
        answer = curl(program, certs, "/v1/count", "-X", "POST", "-T", file, *extra, how=how)
        assert answer.status == 200 and answer.json["length"] == len(content)
        assert answer.json["sha256"] == hashlib.sha256(content).hexdigest()
    down = curl(program, certs, "/bytes?10000000", how=how)
    assert down.status == 200 and len(down.body) == 10_000_000
    assert curl(program, certs, "/v1/x", "-I", how=how).status == 200


@pytest.mark.parametrize("how", HTTPS)
def test_the_users_endpoints_are_answered_here(door, certs, how):
    program, backend = door
    mark = backend.mark()

    def call(path, body, shown="Bearer root:Milvus"):
        return curl(program, certs, "/v2/vectordb/users/" + path, "-d", json.dumps(body), "-H", "Content-Type: application/json", how=how, token=shown)

    assert call("create", {"userName": "rest_user", "password": "P@ssw0rd"}).json["code"] == 0
    assert set(call("list", {}).json["data"]) == {"root", "rest_user"}
    assert call("describe", {"userName": "rest_user"}).json["code"] == 0
    assert call("list", {}, "Bearer rest_user:P@ssw0rd").status == 403
    assert call("update_password", {"userName": "rest_user", "password": "P@ssw0rd", "newPassword": "P@ssw0rd2"}, "Bearer rest_user:P@ssw0rd").json["code"] == 0
    assert call("describe", {"userName": "rest_user"}, "Bearer rest_user:P@ssw0rd").status == 401
    assert call("describe", {"userName": "rest_user"}, "Bearer rest_user:P@ssw0rd2").json["code"] == 0
    assert call("grant_role", {"userName": "rest_user", "roleName": "admin"}).json["code"] != 0
    assert curl(program, certs, "/v2/vectordb/roles/list", "-d", "{}", how=how).json["code"] != 0
    assert curl(program, certs, "/v2/vectordb/users/list", how=how).status == 405
    assert call("drop", {"userName": "rest_user"}).json["code"] == 0
    program.secrets |= {"P@ssw0rd2"}
    backend.assert_nothing_since(mark)


@pytest.mark.parametrize("how", ["--http1.1", "--http2"])
@pytest.mark.parametrize("path, status", [("//v1/x", 400), ("/v1//x", 400), ("/v1/%2e%2e/x", 400), ("/v1%2fx", 400), ("/v1/x;a=b", 400), ("/v1/%5cx", 400), ("/v1/%00", 400),
                                          ("/v1/../x", 400), ("/v1/./x", 400), ("/expr?auth=by-dev&code=1", 404), ("/EXPR", 404), ("/debug/pprof/", 404),
                                          ("/management/stop", 404), ("/metrics", 404), ("/api/v1/credential", 404), ("/log/level", 404)])
def test_paths_that_could_be_read_in_two_ways_and_back_doors_are_refused(door, certs, path, status, how):
    program, backend = door
    mark = backend.mark()
    answer = curl(program, certs, path, "--path-as-is", how=how)
    assert answer.status == status, answer.body
    assert answer.json["message"]
    backend.assert_nothing_since(mark)


def test_identity_and_bypass_fields_do_not_reach_the_backend(door, certs):
    program, backend = door
    fields = ["sourceid: x", "SourceID: x", "token: x", "X-Sallyport-User: root", "x_sallyport_user: root"]
    for how in HTTPS:
        answer = curl(program, certs, "/v1/x", *[a for f in fields for a in ("-H", f)], how=how)
        names = {name.lower() for name, _ in answer.json["fields"]}
        assert not names & {"sourceid", "token", "x-sallyport-user", "x_sallyport_user", "authorization"}, names


# ---- bytes

def said(program, certs, request: bytes, timeout=8) -> bytes:
    """What comes back for these bytes over TLS with ALPN http/1.1, until the end."""
    with socket.create_connection(program.address, timeout=timeout) as plain:
        with tls_context(certs / "ca.pem", alpn=("http/1.1",)).wrap_socket(plain, server_hostname="localhost") as client:
            client.sendall(request)
            heard = b""
            try:
                while data := client.recv(65536):
                    heard += data
            except OSError:
                pass
            return heard


def head(line: bytes, *fields: bytes, body=b"", auth=b"Bearer root:Milvus") -> bytes:
    lines = [line, b"Host: localhost"] + ([b"Authorization: " + auth] if auth else []) + list(fields)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_each_pipelined_request_is_judged_by_itself(door, certs):
    program, backend = door
    good = head(b"GET /v1/good HTTP/1.1")
    heard = said(program, certs, good + good + head(b"GET /v1/bad HTTP/1.1", auth=b"Bearer root:wrong") + head(b"GET /v1/none HTTP/1.1", auth=None) + good)
    assert re.findall(rb"HTTP/1\.1 (\d+)", heard) == [b"200", b"200", b"401"], heard   # order kept, and a failure closes
    assert [path for _, path, _, _ in backend.requests] == ["/v1/good", "/v1/good"]


SMUGGLED = {
    "length and chunks": head(b"POST /v1/x HTTP/1.1", b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks and length": head(b"POST /v1/x HTTP/1.1", b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"0\r\n\r\n"),
    "xchunked": head(b"POST /v1/x HTTP/1.1", b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "two codings": head(b"POST /v1/x HTTP/1.1", b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "two fields of codings": head(b"POST /v1/x HTTP/1.1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    "a space before the colon": head(b"POST /v1/x HTTP/1.1", b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "a vertical tab before chunked": head(b"POST /v1/x HTTP/1.1", b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
    "chunks in HTTP/1.0": head(b"POST /v1/x HTTP/1.0", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "two lengths": head(b"POST /v1/x HTTP/1.1", b"Content-Length: 1", b"Content-Length: 1", body=b"x"),
    "a list of lengths": head(b"POST /v1/x HTTP/1.1", b"Content-Length: 1, 1", body=b"x"),
    "+5": head(b"POST /v1/x HTTP/1.1", b"Content-Length: +5", body=b"xxxxx"),
    "-1": head(b"POST /v1/x HTTP/1.1", b"Content-Length: -1"),
    "0x5": head(b"POST /v1/x HTTP/1.1", b"Content-Length: 0x5", body=b"xxxxx"),
    "a huge length": head(b"POST /v1/x HTTP/1.1", b"Content-Length: 99999999999999999999"),
    "an empty length": head(b"POST /v1/x HTTP/1.1", b"Content-Length: "),
    "a folded field": head(b"GET /v1/x HTTP/1.1", b"X: a\r\n b"),
    "a bare LF": head(b"GET /v1/x HTTP/1.1", b"X: a\nY: b"),
    "a bare CR": head(b"GET /v1/x HTTP/1.1", b"X: a\rY: b"),
    "NUL in a value": head(b"GET /v1/x HTTP/1.1", b"X: a\0b"),
    "NUL in a name": head(b"GET /v1/x HTTP/1.1", b"X\0: a"),
    "a space in a name": head(b"GET /v1/x HTTP/1.1", b"X y: a"),
    "two hosts": head(b"GET /v1/x HTTP/1.1", b"Host: other"),
    "no host": b"GET /v1/x HTTP/1.1\r\nAuthorization: Bearer root:Milvus\r\n\r\n",
    "another authority in the target": head(b"GET http://other/v1/x HTTP/1.1"),
    "two credentials": head(b"GET /v1/x HTTP/1.1", b"Authorization: Bearer root:Milvus"),
    "a credential that the connection takes away": head(b"GET /v1/x HTTP/1.1", b"Connection: authorization"),
    "an identity that the connection takes away": head(b"GET /v1/x HTTP/1.1", b"Connection: x-sallyport-user"),
    "CONNECT": head(b"CONNECT localhost:1 HTTP/1.1"),
    "TRACE": head(b"TRACE /v1/x HTTP/1.1"),
    "HTTP/1.2": head(b"GET /v1/x HTTP/1.2"),
    "HTTP/2.0": head(b"GET /v1/x HTTP/2.0"),
    "HTTP/0.9": b"GET /v1/x\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a target of 9 KiB": head(b"GET /v1/" + b"x" * 9000 + b" HTTP/1.1"),
    "a field of 64 KiB": head(b"GET /v1/x HTTP/1.1", b"X: " + b"y" * 65536),
    "2,000 fields": head(b"GET /v1/x HTTP/1.1", *[b"X: y"] * 2000),
    "gRPC": head(b"POST /a.b/C HTTP/1.1", b"Content-Type: application/grpc", b"Content-Length: 0"),
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_request_that_could_be_read_in_two_ways_is_refused_and_the_connection_closed(door, certs, name):
    program, backend = door
    mark = backend.mark()
    heard = said(program, certs, SMUGGLED[name] + head(b"GET /v1/behind HTTP/1.1"))
    assert re.findall(rb"^HTTP/1\.1 (\d+)", heard, re.M) and re.match(rb"HTTP/1\.1 (4\d\d|501|505) ", heard), heard[:300]
    assert len(re.findall(rb"^HTTP/1\.1 \d{3} ", heard, re.M)) == 1, heard
    backend.assert_nothing_since(mark)


CHUNKED = {
    "a bare LF": b"5\nhello\r\n0\r\n\r\n", "a size over 64 bits": b"10000000000000000\r\nx", "a negative size": b"-5\r\nhello\r\n0\r\n\r\n", "0x5": b"0x5\r\nhello\r\n0\r\n\r\n",
    "no CRLF behind": b"5\r\nhelloX0\r\n\r\n", "an extension of 32 KiB": b"5;" + b"x" * 32768 + b"\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKED)
def test_a_chunk_that_is_malformed_ends_the_request_and_never_as_a_whole_one(door, certs, name):
    program, backend = door
    heard = said(program, certs, head(b"POST /v1/x HTTP/1.1", b"Transfer-Encoding: chunked", body=CHUNKED[name]))
    assert not re.match(rb"HTTP/1\.1 200", heard), heard
    assert not backend.requests   # it never had a whole one


def test_a_denied_expectation_closes_and_a_permitted_one_is_continued(door, certs):
    program, backend = door
    mark = backend.mark()
    heard = said(program, certs, head(b"POST /v1/x HTTP/1.1", b"Content-Length: 5", b"Expect: 100-continue", auth=b"Bearer root:wrong"))
    assert heard.startswith(b"HTTP/1.1 401 ") and b"100 Continue" not in heard
    backend.assert_nothing_since(mark)
    content = b"x" * 3_000_000
    for how in ("--http1.1", "--http2"):
        done = subprocess.run(["curl", "-sS", how, "--max-time", "20", "--expect100-timeout", "15", "--cacert", certs / "ca.pem", "-H", "Expect: 100-continue", "-H",
                               "Authorization: Bearer root:Milvus", "--data-binary", "@-", f"https://localhost:{program.port}/v1/x"], input=content, capture_output=True)
        assert json.loads(done.stdout)["length"] == len(content), done


def test_half_an_answer_never_looks_whole(door, certs):
    program, backend = door
    for how, code in (("--http1.1", 18), ("--http2", 92)):   # curl: partial file; a stream that was reset
        done = subprocess.run(["curl", "-sS", how, "--max-time", "10", "--cacert", certs / "ca.pem", "-H", "Authorization: Bearer root:Milvus",
                               f"https://localhost:{program.port}/half"], capture_output=True)
        assert done.returncode in (code, 56), done   # 56: a connection that was reset


def test_a_backend_that_is_away_is_503_and_comes_back(sallyport, certs):
    port = free_port()
    program = sallyport([{"name": "milvus", "endpoints": [f"127.0.0.1:{port}"]}], certs=certs, mode=1)
    for how in HTTPS:
        answer = curl(program, certs, "/v1/x", how=how)
        assert answer.status == 503 and answer.json["message"], answer.body


def test_a_head_that_never_ends_is_not_waited_for(sallyport, backend, certs):
    program = sallyport([{"name": "milvus", "endpoints": [f"127.0.0.1:{backend.port}"]}], certs=certs, mode=1, limits={"http1_head": "500ms", "http1_idle": "1s"})
    begun = time.monotonic()
    assert said(program, certs, b"GET /v1/x HTTP/1.1\r\nHost: ") == b""
    assert time.monotonic() - begun < 4
    begun = time.monotonic()
    assert said(program, certs, head(b"GET /v1/x HTTP/1.1")).startswith(b"HTTP/1.1 200 ")   # and then it is idle
    assert 0.9 < time.monotonic() - begun < 5
