"""The page for operators, asked over HTTP."""

import http.client
import time

from support import exposition

PAGE = {"listen": "127.0.0.1:0"}  # the setting `admin` that turns it on


def page_of(program):
    """Where the page is: (host, port)."""
    host, _, port = program.wait_event("admin_listening")["address"].rpartition(":")
    return host, int(port)


def ask(address, path, method="GET", timeout=10):
    """(status, headers, body)"""
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


def scrape(address):
    status, headers, body = ask(address, "/metrics")
    assert status == 200 and headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert int(headers["content-length"]) == len(body.encode())
    return exposition.read(body)


def until(holds, timeout=10.0):
    """Asks again until it holds: a count is on the page a moment after what it counts."""
    limit = time.monotonic() + timeout
    while not (got := holds()):
        assert time.monotonic() < limit, "it did not come about"
    return got
