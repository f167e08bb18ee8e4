"""What goes wrong in a call is told to each gRPC library in a way that it understands: the right status and text, soon, on a channel that lives on.

Method: one program a library (tests/clients), a channel over mutual TLS with the password on each call, real backends behind Sallyport; where only a wire
would do, a backend made of frames. Each row of the matrix is one test, each library one column.
"""

import hashlib
import json
import re
import signal
import time
from collections import Counter

import pytest

from support.exposition import value
from support.grpc_clients import NAMES, Load
from support.h2raw import grpc_message, token
from support.long_road import LongRoad
from support.page import PAGE, page_of, scrape, until
from support.paths import BUILD
from support.process import Process

PASSAGE = "/sallyport.test.Passage/"
REFUSED = "auth check failure, please check username and password are correct"
KIB, MIB = 1 << 10, 1 << 20
INTERNALS = re.compile(r"127\.0\.0\.1|\d{4,}|[Cc]onnection (refused|reset)")

libraries = pytest.mark.parametrize("library", NAMES)


def counted(program, name, **labels):
    return value(scrape(page_of(program)), name, **labels)


def requests(program, least) -> int:
    """How many gRPC requests there have been: each attempt of a client is one. At least that many are awaited."""
    return until(lambda: (count := counted(program, "sallyport_requests_total", kind="grpc")) >= least and count)


# A refusal during an upload


@libraries
def test_a_refusal_during_an_upload_says_why(library, sallyport, grpc_backend, recorder, grpc_client, certs):
    backend = grpc_backend()
    seen = recorder(backend.port)
    program = sallyport(seen.port, certs=certs, mode=2, admin=PAGE)
    client = grpc_client(library, program.port)
    mark, wrong = seen.mark(), token("root:wrong")

    upload = client.call("upload", PASSAGE + "Collect", token=wrong, size=128 * KIB, count=64)
    large = client.call("unary", PASSAGE + "Digest", token=wrong, size=8 * MIB)
    for refused in (upload, large):
        assert (refused["code"], refused["details"]) == ("UNAUTHENTICATED", REFUSED)
        assert refused["seconds"] < 5
    assert upload["sent"] < 64, "it was not refused during the upload"
    assert requests(program, 2) == 2, "it tried again by itself"
    seen.assert_nothing_since(mark)

    # the same with the right password, on the same connection
    whole = client.call("upload", PASSAGE + "Collect", size=128 * KIB, count=64)
    assert (whole["code"], whole["text"]) == ("OK", f"64 {hashlib.sha256(bytes(8 * MIB)).hexdigest()}")
    assert counted(program, "sallyport_connections_accepted_total") == 1


# The end of the program


@libraries
def test_no_call_is_lost_in_a_drain_under_load(library, sallyport, grpc_backend, grpc_client, certs):
    """The road is long, so that calls are on their way when the program is told to end: a GOAWAY in one step would lose them."""
    backend = grpc_backend()
    program = sallyport(backend.port, certs=certs, mode=2, limits={"drain": "10s"})
    road = LongRoad(program.port, 0.1)
    client = grpc_client(library, road.port)
    assert client.call("unary", PASSAGE + "Record", "warm")["code"] == "OK"
    slow = [client.start("unary", PASSAGE + "Wait", json.dumps({"seconds": 1.5, "number": n})) for n in range(4)]
    slow.append(client.start("upload", PASSAGE + "Collect", size=64 * KIB, count=24))
    for number in range(4):
        backend.wait_said("waiting", number=number)

    load = Load(client, PASSAGE + "Record", lanes=8)
    for _ in range(16):
        load.step()
    slow.append(client.start("download", PASSAGE + "Produce", json.dumps({"count": 8, "size": 64 * KIB})))
    for id_ in [slow[-1], *(load.begin() for _ in range(10))]:
        client.wait_said("started", id_)
    before = set(load.texts.values())
    road.close_entrance()
    began = time.monotonic()
    program.send_signal(signal.SIGTERM)
    while load.under_way:
        load.step()

    assert {(end["code"], end["details"]) for end in map(client.ended, slow)} == {("OK", "")}
    failed, recorded = load.failed(), Counter(said["id"] for said in backend.said("recorded"))
    assert not before & set(failed), f"begun before the end, and failed: {failed}"
    assert {end["code"] for end in failed.values()} == {"UNAVAILABLE"}, failed
    assert not set(recorded) & set(failed), "the backend had it, and it failed"
    assert max(recorded.values()) == 1, "the backend had it twice"
    assert program.wait(10) == 0 and time.monotonic() - began < 10, "it did not end within limits.drain"
    late = client.call("unary", PASSAGE + "Record", "late")
    assert late["code"] == "UNAVAILABLE" and late["seconds"] < 5, late


# Backends that die


def back_within(client, method, seconds):
    """Calls until the backend answers; never anything but UNAVAILABLE before."""
    limit = time.monotonic() + seconds
    while (ended := client.call("unary", method, "back"))["code"] != "OK":
        assert ended["code"] == "UNAVAILABLE" and time.monotonic() < limit, ended
        time.sleep(0.05)
    assert ended["text"] == "back"


@libraries
def test_calls_of_a_killed_backend_are_unavailable(library, sallyport, grpc_backend, grpc_client, certs):
    backend = grpc_backend()
    program = sallyport(backend.port, certs=certs, mode=2, admin=PAGE)
    client = grpc_client(library, program.port)
    calls = [client.start("unary", PASSAGE + "Wait", json.dumps({"seconds": 60, "number": n})) for n in range(3)]
    calls.append(client.start("download", PASSAGE + "Hold", "one message has come"))
    for number in range(3):
        backend.wait_said("waiting", number=number)
    client.wait_said("message", calls[-1])

    backend.kill()
    killed = time.monotonic()
    for ended in map(client.ended, calls):
        assert ended["code"] == "UNAVAILABLE" and not INTERNALS.search(ended["details"]), ended
    assert time.monotonic() - killed < 3
    grpc_backend(backend.port)
    back_within(client, PASSAGE + "Echo", 8)
    assert counted(program, "sallyport_connections_accepted_total") == 1, "the client had to connect again"


@libraries
@pytest.mark.parametrize("kind", ["unary", "download"])
def test_a_message_that_breaks_off_is_an_error(library, kind, sallyport, frame_backend, grpc_client, certs):
    backend = frame_backend()
    backend.holding = True
    program = sallyport(backend.port, certs=certs, mode=2, admin=PAGE)
    client = grpc_client(library, program.port)
    call = client.start(kind, PASSAGE + "Half")
    [request] = backend.wait_requests(1)
    request.begin_answer(grpc_message(bytes(1000))[:500])
    request.connection.end()

    ended = client.ended(call)
    assert ended["received"] == 0
    if library == "grpc-go":
        assert (ended["code"], ended["details"]) == ("INTERNAL", "unexpected EOF")
    else:
        assert ended["code"] == "UNAVAILABLE" and not INTERNALS.search(ended["details"]), ended
    backend.holding = False
    back_within(client, PASSAGE + "Echo", 8)
    assert counted(program, "sallyport_connections_accepted_total") == 1, "the client had to connect again"


# Backends that say GOAWAY


@libraries
def test_what_is_above_a_goaway_is_sent_once_more(library, sallyport, frame_backend, grpc_client, certs):
    backend = frame_backend()
    backend.holding = True
    program = sallyport(backend.port, certs=certs, mode=2, admin=PAGE)
    client = grpc_client(library, program.port)
    calls = []
    for number in range(6):
        calls.append(client.start("unary", PASSAGE + "Echo", f"call-{number}"))
        backend.wait_requests(number + 1)  # one after the other: the ids of their streams are in this order
    first = list(backend.requests)
    assert {request.connection.number for request in first} == {0}
    backend.holding = False
    first[0].connection.goaway(first[2].stream)
    for ended, number in zip(map(client.ended, calls[3:]), range(3, 6)):
        assert (ended["code"], ended["text"]) == ("OK", f"call-{number}"), ended
    for request in first[:3]:
        request.answer()
    for ended, number in zip(map(client.ended, calls[:3]), range(3)):
        assert (ended["code"], ended["text"]) == ("OK", f"call-{number}"), ended
    assert Counter(r.text for r in backend.requests) == {f"call-{n}": 1 if n < 3 else 2 for n in range(6)}
    assert requests(program, 6) == 6, "the client sent it again, and not we"
    backend.wait_for(lambda: first[0].connection.ended)


@libraries
@pytest.mark.parametrize("kind", ["unary", "upload"])
def test_what_is_too_large_to_be_held_is_refused_unprocessed(library, kind, sallyport, frame_backend, grpc_client, certs):
    """The client gets REFUSED_STREAM, and all libraries but grpcio then try once more by themselves."""
    backend = frame_backend()
    program = sallyport(backend.port, certs=certs, mode=2, admin=PAGE)
    client = grpc_client(library, program.port)
    # A connection that ends in its first second without having answered anything is followed by a pause.
    assert client.call("unary", PASSAGE + "Echo", "warm")["code"] == "OK"
    backend.holding = True
    call = client.start(kind, PASSAGE + "Echo", size=200 * KIB)
    warm, request = backend.wait_requests(2)
    backend.holding = False
    request.connection.goaway(warm.stream)
    ended = client.ended(call)
    if library == "grpcio":
        assert (ended["code"], len(backend.requests)) == ("UNAVAILABLE", 2), ended
    else:
        assert (ended["code"], ended["text"], len(backend.requests)) == ("OK", f"{200 * KIB} bytes", 3), ended
    back_within(client, PASSAGE + "Echo", 8)
    assert counted(program, "sallyport_connections_accepted_total") == 1, "the client had to connect again"


@pytest.fixture
def ageing_backend():
    """A grpc-go server with MaxConnectionAge."""
    made = Process([BUILD / "go" / "bin" / "backend", "-age", "200ms"])
    made.port = int(made.wait_line(lambda line: re.match(r"listening 127\.0\.0\.1:(\d+)", line))[1])
    yield made
    made.child.kill()
    made.wait()


@libraries
def test_a_backend_that_ends_its_connections_is_not_noticed(library, sallyport, ageing_backend, grpc_client, certs):
    program = sallyport(ageing_backend.port, certs=certs, mode=2, admin=PAGE)
    client = grpc_client(library, program.port)
    assert client.call("unary", "/test.Backend/Echo", "warm")["code"] == "OK"
    load, end = Load(client, "/test.Backend/Echo", lanes=8), time.monotonic() + 20
    while load.under_way:
        load.step(more=time.monotonic() < end and counted(program, "sallyport_upstream_connects_total", result="ok") < 5)
    assert not load.failed()
    ageing_backend.stop(signal.SIGKILL)  # so that all that it said is here
    seen = Counter(line for line in ageing_backend.lines if line.startswith("message call-"))
    assert seen == {f"message {text}": 1 for text in load.texts.values()}, "not once each"
    assert counted(program, "sallyport_upstream_connects_total", result="ok") >= 4
    assert counted(program, "sallyport_connections_accepted_total") == 1, "the client had to connect again"
