"""The rows of the table: what is compared with whom, and what Sallyport is to reach."""
from typing import Callable, NamedTuple, Optional

from scenarios import cost, cpu_cost


def added_latency(record, direct):
    """What the proxy adds to half of all calls: beside the same calls without a proxy, of the same round."""
    if cost(record) is None or direct is None or cost(direct) is None:
        return None
    return record["p50_us"] - direct["p50_us"]


class Row(NamedTuple):
    scenario: str
    work: str
    peer: Optional[str]      # whose figure is 1; None: nobody does this
    unit: str
    goal: Optional[float]    # of the ratio, or of the figure itself
    stretch: Optional[float] = None
    of_figure: bool = False  # the goal is a figure in `unit`, not a ratio
    figure: Callable = lambda record, direct: cost(record)
    not_behind: Optional[str] = None  # the goal is missed as well where this peer was measured and did better


ROWS = (
    Row("rpc-1x100", "unary RPC, 1 connection, 100 streams", "nghttpx", "us", 0.32, 0.22),
    Row("rpc-1x100-lit", "the same with pymilvus' fields as literals", "nghttpx", "us", 0.32, 0.25),
    Row("rpc-1x100-paths", "the same, 5,000 different paths", "nghttpx", "us", 0.32, 0.22),
    Row("rpc-64x10", "unary RPC, 64 connections, 10 streams", "nghttpx", "us", 0.40, 0.30),
    Row("rpc-1x1-same", "unary RPC, one at a time, all on one CPU", "nghttpx", "us", 0.53, 0.48),
    Row("rpc-1x1-same", "what that adds to the median latency", "nghttpx", "us", 0.50, figure=added_latency),
    Row("msg-up", "1 MiB requests", "nghttpx", "s/GiB", 0.80, 0.72),
    Row("msg-down", "1 MiB responses", "nghttpx", "s/GiB", 0.66, 0.55),
    Row("tcp-up-1", "TCP mode, 1 connection, to the backend", "nginx", "s/GiB", 1.0),
    Row("tcp-down-1", "TCP mode, 1 connection, to the client", "nginx", "s/GiB", 1.0),
    Row("tcp-up-8", "TCP mode, 8 connections, to the backend", "nginx", "s/GiB", 0.80),
    Row("tcp-down-8", "TCP mode, 8 connections, to the client", "nginx", "s/GiB", 0.80),
    Row("hs-ecdsa", "full handshake, ECDSA", "nginx", "us", 1.0, 0.95),
    Row("hs-mtls", "full handshake with a client certificate", "nginx", "us", 0.85),
    Row("hs-resumed", "resumed handshake", "nginx", "us", 1.0, not_behind="envoy"),
    Row("idle", "memory of an idle connection after one call", "nginx", "KiB", 18, 15, of_figure=True),
    Row("burst", "memory of each of 1,000 opened at once with calls", "nginx", "KiB", 24, 20, of_figure=True),
    Row("burst", "CPU of each of these, handshake and call", "nginx", "us", None,
        figure=lambda record, direct: None if cost(record) is None else cpu_cost(record)),
    Row("process", "process without a connection", "nghttpx", "MiB", 14, of_figure=True),
    Row("token", "token check, warm, 99th percentile", None, "us", 2, of_figure=True),
)
