"""Several Milvus proxies behind one door: one connection of a client is spread over all of them, one may die, and nothing is lost or done twice.

Method: three gRPC servers of the tests behind Sallyport, called by one channel of grpcio over mutual TLS at a steady rate, each request with an id of its own
that the servers say before they answer. SALLYPORT_KILL_SECONDS and SALLYPORT_KILL_RATE make the run longer and faster.
"""

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass

import grpc
import pytest

from support.h2raw import token

GOOD = token("root:Milvus")
SECONDS = float(os.environ.get("SALLYPORT_KILL_SECONDS", "10"))
RATE = float(os.environ.get("SALLYPORT_KILL_RATE", "500"))
HEALTH = {"interval": "200ms", "timeout": "1s"}


@dataclass
class Request:
    number: int
    began: float
    ended: float = 0
    status: grpc.StatusCode = None
    text: str = ""


def in_front_of(sallyport, certs, backends, **more):
    return sallyport([{"name": "milvus", "endpoints": [f"127.0.0.1:{b.port}" for b in backends], "rest": "off", "health": HEALTH} | more],
                     certs=certs, mode=2)


async def calls(program, certs, prefix, seconds, rate, when=None):
    """Requests at that rate over one channel, whatever their answers take; `when`: (seconds, what is done then). Returns all requests, each with an end."""
    credentials = grpc.ssl_channel_credentials((certs / "ca.pem").read_bytes(), (certs / "client.key").read_bytes(), (certs / "client.pem").read_bytes())
    channel = grpc.aio.secure_channel(f"localhost:{program.port}", credentials, options=[("grpc.enable_retries", 0)])
    method = channel.unary_unary("/sallyport.test.Passage/Record")

    async def one(request):
        said = f"{prefix}-{request.number}".encode()
        try:
            answer = await method(said, timeout=20, metadata=(("authorization", GOOD),))
            request.status = grpc.StatusCode.OK if answer == said else grpc.StatusCode.DATA_LOSS
        except grpc.aio.AioRpcError as error:
            request.status, request.text = error.code(), error.details()
        request.ended = time.monotonic()

    await channel.channel_ready()
    begun, all_, running = time.monotonic(), [], set()
    done = when is None
    while (now := time.monotonic() - begun) < seconds:
        if not done and now >= when[0]:
            when[1]()
            done = True
        while len(all_) < now * rate:
            all_.append(Request(len(all_), time.monotonic()))
            running.add(task := asyncio.create_task(one(all_[-1])))
            task.add_done_callback(running.discard)
        await asyncio.sleep(0.002)
    await asyncio.gather(*running)
    await channel.close()
    return all_


def recorded(backends, prefix):
    """How often each id reached each of the backends."""
    return [Counter(s["id"] for s in b.said("recorded") if s["id"].startswith(prefix + "-")) for b in backends]


def test_one_of_three_dies_under_load(sallyport, grpc_backend, certs):
    backends = [grpc_backend() for _ in range(3)]
    program = in_front_of(sallyport, certs, backends)
    killed, dead = [], []

    def gone():  # its sockets are closed when its last thread has ended, a moment after the signal
        backends[1].child.wait()
        dead.append(time.monotonic())

    def kill():
        killed.append(time.monotonic())
        backends[1].send_signal(signal.SIGKILL)
        threading.Thread(target=gone).start()

    requests = asyncio.run(calls(program, certs, "load", SECONDS, RATE, (SECONDS / 2, kill)))
    backends[1].wait()
    assert len(requests) > SECONDS * RATE * 0.9, "the client was too slow for this rate"
    assert all(r.status for r in requests), "a request has no answer"

    failed = [r for r in requests if r.status != grpc.StatusCode.OK]
    in_flight = [r for r in requests if r.began <= dead[0] and r.ended >= killed[0]]
    print(f"{len(requests)} requests, {len(failed)} failed, {len(in_flight)} in flight at the kill")
    assert all(r.status == grpc.StatusCode.UNAVAILABLE for r in failed), {(r.status, r.text) for r in failed}
    others = [r for r in failed if r not in in_flight]
    assert len(others) < 0.001 * len(requests), [(r.number, r.began - killed[0], r.text) for r in others]
    assert len(failed) < 0.001 * len(requests) + len(in_flight) / 2, "more failed than can have been at one of three"

    down = program.wait_event("endpoint_down", endpoint=f"127.0.0.1:{backends[1].port}")
    assert down["backend"] == "milvus" and down["of"] == "3", down
    for backend in (backends[0], backends[2]):
        backend.stop(signal.SIGKILL)  # so that all that it said is here
    seen = recorded(backends, "load")
    together = sum(seen, Counter())
    assert max(together.values()) == 1, "a request was processed twice"
    assert {f"load-{r.number}" for r in requests if r.status == grpc.StatusCode.OK} <= set(together)
    # One connection of a client, and all of them work.
    early = [sum(1 for r in requests if r.ended < killed[0] and f"load-{r.number}" in s) for s in seen]
    assert min(early) > sum(early) / 5, f"shares: {early}"


def test_an_endpoint_that_comes_back_works_again(sallyport, grpc_backend, certs):
    backends = [grpc_backend(), grpc_backend()]
    program = in_front_of(sallyport, certs, backends)
    port = backends[1].port
    backends[1].send_signal(signal.SIGKILL)
    backends[1].wait()
    program.wait_event("endpoint_down", endpoint=f"127.0.0.1:{port}", timeout=10)  # by probes: nobody has asked for anything
    assert all(r.status == grpc.StatusCode.OK for r in asyncio.run(calls(program, certs, "without", 0.5, 100)))
    mark = program.mark()
    again = grpc_backend(port)
    program.wait_event("endpoint_up", since=mark, endpoint=f"127.0.0.1:{port}", reason="probes", timeout=10)
    # Every worker sees for itself; the first may be the one that has our connection, or not yet.
    deadline = time.monotonic() + 10
    while not recorded([again], "with")[0]:
        assert time.monotonic() < deadline, "no request reached it"
        assert all(r.status == grpc.StatusCode.OK for r in asyncio.run(calls(program, certs, "with", 0.2, 100)))


def test_all_are_away_and_one_comes_back(sallyport, grpc_backend, certs):
    backends = [grpc_backend(), grpc_backend()]
    program = in_front_of(sallyport, certs, backends)
    ports = [b.port for b in backends]
    for b in backends:
        b.send_signal(signal.SIGKILL)
        b.wait()
    requests = asyncio.run(calls(program, certs, "none", 0.5, 100))
    assert requests and all(r.status == grpc.StatusCode.UNAVAILABLE for r in requests), {(r.status, r.text) for r in requests}
    assert not any(str(port) in r.text for r in requests for port in ports), "a text to a client names a backend"
    grpc_backend(ports[0])
    deadline = time.monotonic() + 10
    while True:
        answered = asyncio.run(calls(program, certs, "one", 0.2, 50))
        if all(r.status == grpc.StatusCode.OK for r in answered):
            break
        assert time.monotonic() < deadline, {(r.status, r.text) for r in answered}


@pytest.mark.parametrize("name", ["localhost"])
def test_localhost_is_one_endpoint_without_a_resolver(sallyport, grpc_backend, certs, name):
    backend = grpc_backend()
    program = sallyport([{"name": "milvus", "endpoints": [f"{name}:{backend.port}"], "rest": "off", "resolve": "1s"}], certs=certs, mode=2)
    assert all(r.status == grpc.StatusCode.OK for r in asyncio.run(calls(program, certs, name, 0.2, 50)))
    assert not program.events("addresses_changed")
