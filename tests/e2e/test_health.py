"""Balancers learn from grpc.health.v1 whether Sallyport serves: with a token like any request, or without where the listener says so. No backend is asked.

Method: grpcio's own health client over mutual TLS, and the recorder before the backend.
"""

import queue
import signal
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.h2raw import token

ROOT = (("authorization", token("root:Milvus")),)
SERVING, NOT_SERVING, SERVICE_UNKNOWN = (health_pb2.HealthCheckResponse.ServingStatus.Value(n) for n in ("SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"))
MILVUS = "milvus.proto.milvus.MilvusService"


@pytest.fixture
def asked(sallyport, grpc_backend, recorder, certs):
    """start(health): (program, channel, recorder)"""
    channels = []

    def start(health):
        watched = recorder(grpc_backend().port)
        program = sallyport(watched.port, certs=certs, mode=2, listener={"health": health})
        credentials = grpc.ssl_channel_credentials((certs / "ca.pem").read_bytes(), (certs / "client.key").read_bytes(), (certs / "client.pem").read_bytes())
        channels.append(grpc.secure_channel(f"localhost:{program.port}", credentials))
        return program, channels[-1], watched

    yield start
    for channel in channels:
        channel.close()


def check(stub, service="", metadata=()):
    return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10, metadata=metadata).status


def test_with_a_token_like_any_request(asked):
    _, channel, watched = asked("token")
    stub = health_pb2_grpc.HealthStub(channel)
    mark = watched.mark()
    assert check(stub, metadata=ROOT) == SERVING and check(stub, MILVUS, ROOT) == SERVING
    for metadata in ((), (("authorization", token("root:wrong")),)):
        for call in (lambda: check(stub, metadata=metadata), lambda: next(stub.Watch(health_pb2.HealthCheckRequest(), timeout=10, metadata=metadata))):
            with pytest.raises(grpc.RpcError) as refused:
                call()
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.RpcError) as unknown:
        check(stub, "another.Service", ROOT)
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
    watched.assert_nothing_since(mark)


def test_without_one_where_it_is_public_and_only_that(asked):
    _, channel, watched = asked("public")
    stub = health_pb2_grpc.HealthStub(channel)
    mark = watched.mark()
    assert check(stub) == SERVING
    assert next(stub.Watch(health_pb2.HealthCheckRequest(service="x" * 200), timeout=10)).status == SERVICE_UNKNOWN
    for path in ("/grpc.health.v1.Health/List", "/grpc.health.v1.Health/check", "/grpc.health.v1.HealthX/Check", "/sallyport.test.Passage/Echo"):
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(path)(b"", timeout=10)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED, path
    watched.assert_nothing_since(mark)


def test_a_watch_hears_of_the_drain_and_does_not_hold_it_up(asked):
    program, channel, _ = asked("public")
    stub = health_pb2_grpc.HealthStub(channel)
    heard = queue.Queue()

    def listen():
        try:
            for answer in stub.Watch(health_pb2.HealthCheckRequest(), timeout=60):
                heard.put(answer.status)
        except grpc.RpcError as ended:
            heard.put(ended.code())

    listener = threading.Thread(target=listen)
    listener.start()
    assert heard.get(timeout=10) == SERVING
    program.send_signal(signal.SIGTERM)
    assert heard.get(timeout=10) == NOT_SERVING
    assert heard.get(timeout=10) == grpc.StatusCode.UNAVAILABLE
    listener.join(10)
    program.finish(timeout=10)
