"""Towards clients Sallyport is an HTTP/2 server as RFC 9113 and RFC 7541 want it: h2spec has nothing to say.

h2spec is a Go program (tests/go); it talks TLS to the listener, without a credential. Every answer is a refusal of Sallyport's own.
"""

import re
import subprocess

import pytest

from support.paths import BUILD

H2SPEC = BUILD / "go" / "bin" / "h2spec"
CASES = 145


def h2spec(port, *arguments):
    done = subprocess.run([H2SPEC, "-h", "127.0.0.1", "-p", str(port), "-t", "-k", "-o", "5", *arguments], capture_output=True, text=True, timeout=240)
    found = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
    assert found, done.stdout + done.stderr
    return tuple(int(n) for n in found.groups()), done.stdout


@pytest.mark.parametrize("tokens", ["required"])
def test_every_case_passes_and_none_is_skipped(sallyport, grpc_backend, certs, tokens):
    backend = grpc_backend()
    program = sallyport(backend.port, certs=certs, mode=1, listener={"tokens": tokens})
    counted, text = h2spec(program.port)
    assert counted == (CASES, CASES, 0, 0), text
    assert len(backend.lines) == 1, f"more than its first word, that it listens: {backend.lines}"
