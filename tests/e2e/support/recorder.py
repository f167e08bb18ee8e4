"""What stands between Sallyport and its backend and writes down everything that Sallyport sends: each connection, each request head, each byte.

The assertion of this product is that the backend saw nothing; the recorder is what it is asserted on. It changes nothing: bytes are passed on as
they come, and read on the side.
"""

import socket
import threading
import time
from dataclasses import dataclass, field

import hpack

from support.accepting import accepted
from support.h2raw import CONTINUATION, END_HEADERS, HEADERS, PREFACE
from support.pump import pump


@dataclass
class Request:
    connection: int
    stream: int
    at: float
    fields: list

    @property
    def path(self):
        return dict(self.fields).get(":path")

    @property
    def names(self):
        return [name for name, _ in self.fields]


@dataclass
class Seen:
    """One connection that was opened to the backend."""

    at: float
    bytes: bytearray = field(default_factory=bytearray)  # the first KEEP of what came, raw
    total: int = 0


@dataclass
class Mark:
    connections: int
    requests: int


KEEP = 1 << 20


class Recorder:
    def __init__(self, backend_port: int, port: int = 0):
        self.backend_port = backend_port
        self.connections, self.requests = [], []
        self.changed = threading.Condition()
        self.open = set()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()
        self.cut()

    def cut(self):
        """Resets every connection that is open."""
        for end in list(self.open):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # What was seen

    def mark(self) -> Mark:
        with self.changed:
            return Mark(len(self.connections), len(self.requests))

    def since(self, mark: Mark):
        with self.changed:
            return self.connections[mark.connections :], self.requests[mark.requests :]

    def assert_nothing_since(self, mark: Mark, why=""):
        connections, requests = self.since(mark)
        assert not requests, f"the backend saw a request {why}: {[r.fields for r in requests]}"
        assert not connections, f"a connection to the backend was opened {why}: {[bytes(c.bytes[:200]) for c in connections]}"

    def wait_requests(self, count: int, mark: Mark = None, timeout=5.0):
        """Waits until that many requests were seen since the mark; those."""
        start = mark.requests if mark else 0
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) - start >= count, timeout), f"{len(self.requests) - start} of {count} came"
            return self.requests[start:]

    def raw(self, mark: Mark = None) -> bytes:
        """Everything that Sallyport sent since the mark (the connections opened since)."""
        with self.changed:
            return b"".join(bytes(c.bytes) for c in self.connections[mark.connections if mark else 0 :])

    # The relay

    def _accept(self):
        for client in accepted(self.listener):
            with self.changed:
                number = len(self.connections)
                self.connections.append(Seen(time.monotonic()))
                self.changed.notify_all()
            threading.Thread(target=self._joined, args=(client, number), daemon=True).start()

    def _joined(self, client, number):
        try:
            server = socket.create_connection(("127.0.0.1", self.backend_port))
        except OSError:
            client.close()
            return
        self.open |= {client, server}
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server, _Reader(self, number).read)
        back.join()
        self.open -= {client, server}
        client.close()
        server.close()


class _Reader:
    """Finds the request heads in what Sallyport sends on one connection."""

    def __init__(self, recorder, number):
        self.recorder, self.number = recorder, number
        self.decoder = hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.buffer = bytearray()
        self.skip = len(PREFACE)
        self.block = bytearray()

    def read(self, data: bytes):
        with self.recorder.changed:
            seen = self.recorder.connections[self.number]
            seen.total += len(data)
            if len(seen.bytes) < KEEP:
                seen.bytes += data
        self.buffer += data
        while True:
            if self.skip:
                cut = min(self.skip, len(self.buffer))
                del self.buffer[:cut]
                self.skip -= cut
                if self.skip:
                    return
            if len(self.buffer) < 9:
                return
            length, kind, flags = int.from_bytes(self.buffer[:3], "big"), self.buffer[3], self.buffer[4]
            if kind not in (HEADERS, CONTINUATION):
                self.skip = 9 + length
                continue
            if len(self.buffer) < 9 + length:
                return
            stream = int.from_bytes(self.buffer[5:9], "big") & 0x7FFFFFFF
            self.block += self.buffer[9 : 9 + length]
            del self.buffer[: 9 + length]
            if flags & END_HEADERS:
                fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in self.decoder.decode(bytes(self.block), raw=True)]
                self.block.clear()
                with self.recorder.changed:
                    self.recorder.requests.append(Request(self.number, stream, time.monotonic(), fields))
                    self.recorder.changed.notify_all()
