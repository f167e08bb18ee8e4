"""What is measured: the scenarios, and the figure that is compared in each."""
from typing import NamedTuple

# What pymilvus 3.0 sends with each call beside what all of gRPC does; grpc-core codes most of it as literals every time.
PYMILVUS = ["--encoder-header-table-size=0", "-H", "user-agent: grpc-python/1.85.3 grpc-c/58.0.0 (linux; chttp2)",
            "-H", "grpc-accept-encoding: identity, deflate, gzip", "-H", "dbname: default", "-H", "client-request-id: 0",
            "-H", "client-request-unixmsec: 1795557629672", "-H", "identifier: 461234567890123456", "-H", "grpc-timeout: 10S"]
PATHS = 5000  # different ones in rpc-1x100-paths


class Scenario(NamedTuple):
    """`method` is Bench's. A proxy takes part that has a configuration for `protocol`."""
    method: str
    arguments: dict
    unit: str
    what: str
    protocol: str = "h2"
    direct: bool = False   # the backend without a proxy is measured as well: what a proxy adds is the difference
    most_rounds: int = 99  # memory hardly moves between rounds


SCENARIOS = {
    "rpc-1x100": Scenario("rpc", {"c": 1, "m": 100, "n": 30000}, "us/call", "unary RPC, 1 connection, 100 streams"),
    "rpc-1x100-lit": Scenario("rpc", {"c": 1, "m": 100, "n": 30000, "extra": PYMILVUS}, "us/call",
                              "the same with pymilvus' fields, all as literals"),
    "rpc-1x100-paths": Scenario("rpc", {"c": 1, "m": 100, "n": 30000, "paths": PATHS}, "us/call", "the same, 5,000 different paths"),
    "rpc-64x10": Scenario("rpc", {"c": 64, "m": 10, "n": 30000}, "us/call", "unary RPC, 64 connections, 10 streams"),
    "rpc-1x1": Scenario("rpc", {"c": 1, "m": 1, "n": 6000}, "us/call", "unary RPC, one at a time"),
    "rpc-1x1-same": Scenario("rpc", {"c": 1, "m": 1, "n": 6000, "same_cpu": True}, "us/call", "unary RPC, one at a time, all on one CPU", direct=True),
    "msg-up": Scenario("rpc", {"c": 1, "m": 4, "n": 512, "request": "big", "gib": True}, "s/GiB", "1 MiB requests, 1 connection, 4 streams"),
    "msg-down": Scenario("rpc", {"c": 1, "m": 4, "n": 512, "answer": "big", "gib": True}, "s/GiB", "1 MiB responses, 1 connection, 4 streams"),
    "tcp-up-1": Scenario("bulk", {"way": "up", "connections": 1}, "s/GiB", "bytes to the backend, 1 connection", "tcp"),
    "tcp-down-1": Scenario("bulk", {"way": "down", "connections": 1}, "s/GiB", "bytes to the client, 1 connection", "tcp"),
    "tcp-up-8": Scenario("bulk", {"way": "up", "connections": 8}, "s/GiB", "bytes to the backend, 8 connections", "tcp"),
    "tcp-down-8": Scenario("bulk", {"way": "down", "connections": 8}, "s/GiB", "bytes to the client, 8 connections", "tcp"),
    "hs-ecdsa": Scenario("handshakes", {"cert": "ecdsa", "n": 1500}, "us/handshake", "full handshake, ECDSA P-256"),
    "hs-rsa": Scenario("handshakes", {"cert": "rsa", "n": 1000}, "us/handshake", "full handshake, RSA-2048"),
    "hs-mtls": Scenario("handshakes", {"mtls": True, "n": 1000}, "us/handshake", "full handshake with a client certificate"),
    "hs-resumed": Scenario("handshakes", {"resume": True, "n": 1500}, "us/handshake", "resumed handshake"),
    "idle": Scenario("memory", {"connections": 2000}, "KiB/connection", "memory of an idle connection after one call", most_rounds=3),
    "burst": Scenario("memory", {"connections": 1000, "at_once": True}, "KiB/connection",
                      "memory of a connection after 1,000 at once, each with a call", most_rounds=3),
    "process": Scenario("process", {}, "MiB", "memory of the process without a connection", most_rounds=3),
    "token": Scenario("token", {}, "us", "token check, warm, 99th percentile", "none", most_rounds=3),
}


def cpu_cost(record):
    """CPU time of the proxy per unit of work, in microseconds (in seconds where the unit is a GiB)."""
    cpu = record["client_cpu"] + record["backend_cpu"] if record["proxy"] == "direct" else record["proxy_cpu"]
    return cpu / record["units"] * (1 if SCENARIOS[record["scenario"]].unit == "s/GiB" else 1e6)


def cost(record):
    """The compared figure of one record in its scenario's unit; None when it failed."""
    if record.get("error") or not record.get("units"):
        return None
    return record["figure"] if "figure" in record else cpu_cost(record)
