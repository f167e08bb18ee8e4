"""Towards clients Sallyport is an HTTP/2 server as RFC 9113 and RFC 7541 want it: h2spec has nothing to say.

h2spec is a Go program (tests/go); it talks TLS to the listener, without a credential. With tokens every answer is a refusal of Sallyport's own; without
them nghttpd answers over HTTP/2, and a grpc-go server is asked for REST in vain.
"""

import contextlib
import re
import socket
import subprocess
import time

import pytest

from support.backends import free_port
from support.paths import BUILD
from support.process import Process

H2SPEC = BUILD / "go" / "bin" / "h2spec"
CASES = 145


def h2spec(port, *arguments):
    done = subprocess.run([H2SPEC, "-h", "127.0.0.1", "-p", str(port), "-t", "-k", "-o", "5", *arguments], capture_output=True, text=True, timeout=240)
    found = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
    assert found, done.stdout + done.stderr
    return tuple(int(n) for n in found.groups()), done.stdout


def test_every_case_passes_when_every_answer_is_a_refusal(sallyport, grpc_backend, certs):
    backend = grpc_backend()
    program = sallyport(backend.port, certs=certs, mode=1)
    counted, text = h2spec(program.port)
    assert counted == (CASES, CASES, 0, 0), text
    assert len(backend.lines) == 1, f"more than its first word, that it listens: {backend.lines}"


@pytest.fixture
def nghttpd(folder):
    (folder / "index.html").write_text("hello\n")
    port = free_port()
    made = Process(["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", folder, str(port)])
    made.port = port
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            break
        time.sleep(0.02)
    yield made
    made.child.kill()
    made.wait()


@pytest.fixture
def grpc_go():
    made = Process([BUILD / "go" / "bin" / "backend"])
    made.port = int(made.wait_line(lambda line: re.match(r"listening 127\.0\.0\.1:(\d+)", line))[1])
    yield made
    made.child.kill()
    made.wait()


def without_tokens(sallyport, certs, port, rest):
    return sallyport([{"name": "milvus", "endpoints": [f"127.0.0.1:{port}"], "rest": rest}], certs=certs, mode=1, listener={"tokens": "none"})


def test_every_case_passes_in_front_of_nghttpd(sallyport, nghttpd, certs):
    counted, text = h2spec(without_tokens(sallyport, certs, nghttpd.port, "h2").port)
    assert counted == (CASES, CASES, 0, 0), text


def test_no_case_fails_in_front_of_grpc_go(sallyport, grpc_go, certs):
    """It has no REST: what h2spec asks for ends in 502."""
    counted, text = h2spec(without_tokens(sallyport, certs, grpc_go.port, "http1").port)
    assert counted[0] == CASES and counted[3] == 0, text
