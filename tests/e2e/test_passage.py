"""Everything a gRPC call can be passes unchanged, and what goes wrong on one side stays on that side.

Method: a gRPC server of the tests (support/grpc_backend.py, grpcio) behind Sallyport, called by grpcio over mutual TLS, and by a raw HTTP/2 client
where frames matter. The server says what it sees, so that the tests know that a cancellation arrived, and not only that the client was told so.
"""

import base64
import hashlib
import json
import re
import signal
import struct
import subprocess
import threading
import time

import grpc
import pytest

from support import h2raw
from support.backends import free_port
from support.grpc_backend import made
from support.h2raw import Closed, Connection, frame, grpc_message, request_head, tls_context, token

GOOD = token("root:Milvus")
PASSAGE = "/sallyport.test.Passage/"
MIB = 1 << 20
LARGE = 64 * MIB


class Client:
    """grpcio over mutual TLS, with the credential on every call; messages are plain bytes."""

    def __init__(self, program, certs):
        credentials = grpc.ssl_channel_credentials((certs / "ca.pem").read_bytes(), (certs / "client.key").read_bytes(), (certs / "client.pem").read_bytes())
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)]
        self.channel = grpc.secure_channel(f"localhost:{program.port}", credentials, options=unlimited)
        self.metadata = (("authorization", GOOD),)

    def unary(self, method, request=b"", timeout=30, metadata=()):
        return self.channel.unary_unary(PASSAGE + method).with_call(request, timeout=timeout, metadata=self.metadata + tuple(metadata))

    def begin(self, method, request=b"", timeout=30):
        """The same, not waited for."""
        return self.channel.unary_unary(PASSAGE + method).future(request, timeout=timeout, metadata=self.metadata)

    def stream(self, method, request=b"", timeout=30):
        return self.channel.unary_stream(PASSAGE + method)(request, timeout=timeout, metadata=self.metadata)

    def upload(self, method, requests, timeout=30):
        return self.channel.stream_unary(PASSAGE + method)(requests, timeout=timeout, metadata=self.metadata)

    def both_ways(self, method, requests, timeout=30):
        return self.channel.stream_stream(PASSAGE + method)(requests, timeout=timeout, metadata=self.metadata)

    def close(self):
        self.channel.close()


@pytest.fixture
def through(sallyport, grpc_backend, certs):
    """(client, backend, program)"""
    backend = grpc_backend()
    program = sallyport(backend.port, certs=certs, mode=2)
    client = Client(program, certs)
    yield client, backend, program
    client.close()


@pytest.fixture
def raw(through, certs):
    """(raw connection, backend, program)"""
    _, backend, program = through
    with Connection(program.address, tls_context(certs / "ca.pem", certs / "client.pem", certs / "client.key"), timeout=20) as connection:
        yield connection, backend, program


def open_call(connection, method, request=b"", end=True, body=True):
    head = request_head(PASSAGE + method, authorization=GOOD, scheme="https" if connection.tls else "http")
    return connection.start(head, grpc_message(request) if body else None, end=end)


def sha(data) -> str:
    return hashlib.sha256(data).hexdigest()


# What a call can be


def test_unary(through):
    client, _, _ = through
    for size in (0, 1, 16_379, 16_380, 16_384, 65_530, 65_536, 300_000):
        sent = made(size, size)
        assert client.unary("Echo", sent)[0] == sent, f"{size} bytes"


def test_64_mib_up(through):
    client, _, program = through
    sent = made(LARGE, 1)
    before = program.rss_kib()
    assert client.unary("Digest", sent, timeout=60)[0].decode() == sha(sent)
    assert program.rss_kib() - before < 16 * 1024, "the message was held"


def test_64_mib_down(through):
    client, _, program = through
    before = program.rss_kib()
    got, _ = client.unary("Make", json.dumps({"size": LARGE, "seed": 2}).encode(), timeout=60)
    assert sha(got) == sha(made(LARGE, 2))
    assert program.rss_kib() - before < 16 * 1024, "the message was held"


def test_64_mib_both_ways(through):
    client, _, _ = through
    sent = made(LARGE, 3)
    got, _ = client.unary("Echo", sent, timeout=60)
    assert sha(got) == sha(sent)


def test_server_streaming(through):
    client, _, _ = through
    got = list(client.stream("Produce", json.dumps({"count": 500, "size": 10_000}).encode()))
    assert len(got) == 500 and set(got) == {made(10_000, 0)}


def test_client_streaming(through):
    client, _, _ = through
    messages = [made(size * 97, size) for size in range(300)]
    assert client.upload("Collect", iter(messages)).decode() == f"300 {sha(b''.join(messages))}"


def test_bidirectional_streaming_answers_before_the_end(through):
    """Each answer is awaited before the next message is sent: nothing may wait for an end or for more."""
    client, _, _ = through
    turn = threading.Semaphore(1)

    def messages():
        for number in range(50):
            assert turn.acquire(timeout=10)
            yield f"message {number}".encode()

    got = []
    for answer in client.both_ways("Chat", messages()):
        got.append(answer.decode())
        turn.release()
    assert got == [f"message {number}" for number in range(50)]


def test_metadata_passes_both_ways(through):
    client, _, _ = through
    sent = [("plain", "value"), ("twice", "one"), ("twice", "two"), ("binary-bin", b"\x00\x01\xfe\xff"), ("dbname", "default"), ("spaces", "a b  c")]
    body, call = client.unary("Metadata", metadata=sent)
    seen = [tuple(pair) for pair in json.loads(body)]
    for name, value in sent:
        assert (name, base64.b64encode(value).decode() if isinstance(value, bytes) else value) in seen, seen
    assert [v for n, v in seen if n == "twice"] == ["one", "two"]
    assert "authorization" not in [n for n, _ in seen]
    first = [tuple(m) for m in call.initial_metadata()]
    last = [tuple(m) for m in call.trailing_metadata()]
    assert ("first-text", "one") in first and ("first-bin", b"\x00\x01\xff") in first, first
    assert ("last-bin", b"\xfe\x00\n") in last and [v for n, v in last if n == "last-text"] == ["two", "three"], last


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "NOT_FOUND", "UNAUTHENTICATED", "DATA_LOSS"])
def test_status_and_text_of_the_backend_pass(through, code):
    client, _, _ = through
    details = "50 % off: “ü” \n and \x7f"
    with pytest.raises(grpc.RpcError) as failed:
        client.unary("Fail", json.dumps({"code": code, "details": details}).encode())
    assert (failed.value.code().name, failed.value.details()) == (code, details)


def test_an_unknown_service_is_the_backends_to_refuse(through):
    client, _, _ = through
    with pytest.raises(grpc.RpcError) as failed:
        client.channel.unary_unary("/no.such.Service/Method")(b"", timeout=10, metadata=client.metadata)
    assert failed.value.code() == grpc.StatusCode.UNIMPLEMENTED


# Ends


def test_cancellation_reaches_the_backend(through):
    client, backend, _ = through
    call = client.stream("Hold", b"mine")
    assert next(call) == b"held"
    mark = backend.mark()
    call.cancel()
    backend.wait_said("cancelled", since=mark, method="Hold", id="mine", timeout=5)
    assert client.unary("Echo", b"after")[0] == b"after"


def test_a_reset_before_any_answer_reaches_the_backend(raw):
    connection, backend, _ = raw
    mark = backend.mark()
    stream = open_call(connection, "Wait", b'{"seconds": 60}')
    backend.wait_said("waiting", since=mark)
    connection.send(frame(h2raw.RST_STREAM, 0, stream, struct.pack(">I", 8)))
    backend.wait_said("cancelled", since=mark, method="Wait")


def test_a_client_that_vanishes_cancels_its_calls(raw):
    connection, backend, _ = raw
    mark = backend.mark()
    open_call(connection, "Wait", b'{"seconds": 60}')
    backend.wait_said("waiting", since=mark)
    connection.close()
    backend.wait_said("cancelled", since=mark, method="Wait")


def test_a_deadline_is_told_to_both_sides(through):
    client, backend, _ = through
    client.unary("Echo", b"connected")
    mark = backend.mark()
    call = client.begin("Wait", b'{"seconds": 60}', timeout=3)
    backend.wait_said("waiting", since=mark)
    assert call.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    backend.wait_said("cancelled", since=mark, method="Wait", timeout=5)


# Backends come and go


def test_backend_away_and_back_on_one_client_connection(sallyport, grpc_backend):
    port = free_port()
    program = sallyport(port)
    with Connection(program.address, timeout=20) as client:
        began = time.monotonic()
        answer = client.answer(open_call(client, "Echo", b"x"))
        assert answer.trailers_only and answer.grpc[0] == 14, answer.frames
        assert time.monotonic() - began < 3
        assert not re.search(r"127\.0\.0\.1|\d{4,}|[Cc]onnection refused", answer.grpc[1]), f"names internals: {answer.grpc[1]}"
        program.wait_event(level="warning", timeout=5)
        grpc_backend(port)
        back_within(client, 8)


def back_within(client, seconds):
    """Calls on the same connection until the backend answers; never anything but UNAVAILABLE before."""
    limit = time.monotonic() + seconds
    while True:
        answer = client.answer(open_call(client, "Echo", b"back"))
        if answer.grpc[0] == 0:
            assert answer.message == b"back"
            return
        assert answer.grpc[0] == 14, answer.frames
        assert time.monotonic() < limit, "the backend is back, and calls still fail"
        time.sleep(0.05)


def test_backend_killed_in_the_middle_of_a_stream(sallyport, grpc_backend):
    backend = grpc_backend()
    program = sallyport(backend.port)
    with Connection(program.address, timeout=20) as client:
        begun = open_call(client, "Hold", b"x")
        client.until(lambda: client.streams[begun].message == b"held")
        unanswered = open_call(client, "Wait", b'{"seconds": 60}')
        backend.wait_said("waiting")
        backend.kill()
        answer, other = client.answer(begun), client.answer(unanswered)
        assert answer.reset is None and answer.grpc[0] in (13, 14), answer.frames
        assert ":status" not in dict(answer.header_lists[-1])
        assert other.trailers_only and other.grpc[0] == 14, other.frames
        grpc_backend(backend.port)
        back_within(client, 8)


def test_backend_killed_in_the_middle_of_a_message_is_never_ok(through):
    client, backend, _ = through
    call = client.stream("Produce", json.dumps({"count": 100_000, "size": MIB}).encode())
    next(call)
    backend.kill()
    with pytest.raises(grpc.RpcError) as failed:
        for _ in call:
            pass
    assert failed.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL)


# Many, and slow


def test_300_calls_at_once_by_one_client(through):
    """grpcio queues what is beyond our limit of 128 streams; 100 a backend connection."""
    client, _, _ = through
    calls = [client.channel.unary_unary(PASSAGE + "Wait").future(b'{"seconds": 0.2}', timeout=30, metadata=client.metadata) for _ in range(300)]
    assert [call.result(timeout=30) for call in calls] == [b"done"] * 300


def test_streams_beyond_the_limit_are_refused_so_that_they_can_be_sent_again(raw):
    connection, backend, _ = raw
    connection.until(lambda: 3 in connection.peer_settings)
    limit = connection.peer_settings[3]
    assert limit == 128
    mark = backend.mark()
    streams = [open_call(connection, "Wait", b'{"seconds": 1}') for _ in range(limit + 50)]
    answers = [connection.answer(stream) for stream in streams]
    assert [a.reset for a in answers[limit:]] == [7] * 50, "not REFUSED_STREAM"
    assert all(a.message == b"done" and a.grpc[0] == 0 for a in answers[:limit])
    assert len(backend.said("waiting", since=mark)) == limit
    assert not connection.goaways


def test_parallel_large_messages_do_not_stop_each_other(through):
    """The case at which a peer stalls: 1 MiB echoes in parallel through a real gRPC backend."""
    client, _, _ = through
    sent = [made(MIB, seed) for seed in range(50)]
    calls = [client.channel.unary_unary(PASSAGE + "Echo").future(m, timeout=60, metadata=client.metadata) for m in sent]
    assert [sha(call.result(timeout=60)) for call in calls] == [sha(m) for m in sent]


def test_half_a_gibibyte_both_ways_takes_no_memory_to_speak_of(through):
    """512 MiB up and the same down at the same time, and Sallyport grows by less than 16 MiB."""
    client, _, program = through
    client.unary("Echo", made(MIB, 1))   # what a first call allocates for good is not growth
    up, down, before, most = hashlib.sha256(), hashlib.sha256(), program.rss_kib(), 0
    message = made(MIB, 2)

    def messages():
        for _ in range(512):
            up.update(message)
            yield message

    received = 0
    for answer in client.both_ways("Chat", messages(), timeout=120):
        down.update(answer)
        received += 1
        most = max(most, program.rss_kib())
    assert received == 512 and up.digest() == down.digest()
    assert most - before < 16 * 1024, f"{before} KiB before, {most} KiB at the most"


def settled_bytes(backend, mark, timeout=15.0):
    """How much the backend had sent once it made no more progress for half a second."""
    limit = time.monotonic() + timeout
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 0.5:
        assert time.monotonic() < limit, "the backend never stopped sending"
        said = backend.said("produced", since=mark)
        sent = said[-1]["bytes"] if said else 0
        if sent != last:
            last, since = sent, time.monotonic()
        time.sleep(0.05)
    return last


@pytest.mark.parametrize("how", ["its window is shut", "its socket is full"])
def test_a_client_that_stops_reading_costs_no_memory(sallyport, grpc_backend, how):
    backend = grpc_backend()
    program = sallyport(backend.port)
    window = 65_535 if how == "its window is shut" else (1 << 31) - 1
    with Connection(program.address, timeout=20, window=window) as client, Connection(program.address, timeout=20) as other:
        assert other.answer(open_call(other, "Echo", b"warm")).grpc[0] == 0
        before, mark = program.rss_kib(), backend.mark()
        client.auto_credit = False
        if how == "its socket is full":
            client.send(frame(h2raw.WINDOW_UPDATE, 0, 0, struct.pack(">I", (1 << 31) - 1 - 65_535 - (1 << 24))))
        stream = open_call(client, "Produce", json.dumps({"count": 4096, "size": 65_536}).encode())
        sent = settled_bytes(backend, mark)
        assert sent < 16 * MIB, f"{sent} bytes left the backend though the client reads none"
        assert program.rss_kib() - before < 8 * 1024, "the answer is held in memory"
        assert other.answer(open_call(other, "Echo", b"fine")).message == b"fine", "another client has to wait for it"
        # and it goes on as soon as the client reads
        if how == "its window is shut":
            client.until(lambda: len(client.streams[stream].body) >= 65_535)
            client.send(frame(h2raw.WINDOW_UPDATE, 0, 0, struct.pack(">I", MIB)) + frame(h2raw.WINDOW_UPDATE, 0, stream, struct.pack(">I", MIB)))
        client.until(lambda: len(client.streams[stream].body) >= 65_535 + MIB)


def test_a_slow_upload_is_taken_at_the_backends_pace_and_whole(through):
    client, _, _ = through
    message = made(200_000, 5)

    def slowly():
        for _ in range(10):
            yield message
            time.sleep(0.02)  # a client that has nothing more to say for a moment: what is tested

    assert client.upload("Collect", slowly()).decode() == f"10 {sha(message * 10)}"


# The end of the program


def test_sigterm_lets_calls_finish_and_says_goaway_in_two_steps(raw):
    connection, backend, program = raw
    mark = backend.mark()
    streams = [open_call(connection, "Wait", b'{"seconds": 1}') for _ in range(5)]
    backend.wait_said("waiting", since=mark)
    while len(backend.said("waiting", since=mark)) < 5:
        time.sleep(0.01)
    program.send_signal(signal.SIGTERM)
    connection.until(lambda: connection.goaways)
    assert connection.goaways[0][:2] == ((1 << 31) - 1, 0), connection.goaways
    assert [connection.answer(stream).message for stream in streams] == [b"done"] * 5
    assert connection.read_to_end(10) == "", "the connection did not end in good order"
    assert [(last, code) for last, code, _ in connection.goaways] == [((1 << 31) - 1, 0), (streams[-1], 0)]
    assert program.wait(10) == 0
    with pytest.raises((ConnectionError, Closed)):
        Connection(program.address, timeout=2)


def test_sigterm_without_calls_ends_at_once(raw):
    connection, _, program = raw
    connection.until(lambda: connection.peer_settings)
    began = time.monotonic()
    program.send_signal(signal.SIGTERM)
    assert connection.read_to_end(5) == ""
    assert program.wait(10) == 0 and time.monotonic() - began < 5


def test_calls_that_go_on_for_ever_end_at_the_limit_of_the_drain(sallyport, grpc_backend):
    backend = grpc_backend()
    program = sallyport(backend.port, limits={"drain": "1s"})
    with Connection(program.address, timeout=20) as client:
        stream = open_call(client, "Hold", b"for ever")
        client.until(lambda: client.streams[stream].message == b"held")
        began = time.monotonic()
        program.send_signal(signal.SIGTERM)
        try:
            answer = client.answer(stream, timeout=10)
            assert answer.grpc[0] in (None, 14), answer.frames
        except Closed:
            pass
        assert program.wait(10) == 0
        assert 0.8 < time.monotonic() - began < 4
        backend.wait_said("cancelled", method="Hold")


def test_a_second_sigterm_ends_it_now(sallyport, grpc_backend):
    backend = grpc_backend()
    program = sallyport(backend.port)
    with Connection(program.address, timeout=20) as client:
        stream = open_call(client, "Hold", b"for ever")
        client.until(lambda: client.streams[stream].message == b"held")
        program.send_signal(signal.SIGTERM)
        client.until(lambda: client.goaways)
        began = time.monotonic()
        program.send_signal(signal.SIGTERM)
        try:
            assert program.wait(5) is not None
        except subprocess.TimeoutExpired:
            pytest.fail("it still drains")
        assert time.monotonic() - began < 3
