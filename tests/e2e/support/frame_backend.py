"""A gRPC backend made of frames, for what a library would not do: it can keep answers back, say GOAWAY with any stream id, and end in the middle of a
message. Unless told to hold, it answers each request with the request's own message, or with the length of one above 200 bytes. It grants credit for
whatever it reads."""

import socket
import struct
import threading
from dataclasses import dataclass, field

import hpack

from support.accepting import accepted
from support.h2raw import ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, SETTINGS, WINDOW_UPDATE, frame, grpc_message, settings


@dataclass
class Request:
    connection: "FrameConnection"
    stream: int
    path: str
    body: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        return bytes(self.body[5:]).decode("latin-1")

    def begin_answer(self, payload=b""):
        """The head of an answer, and what of its body is given, raw."""
        self.connection.send_head(self.stream, [(":status", "200"), ("content-type", "application/grpc")])
        self.connection.send(frame(DATA, 0, self.stream, payload))

    def answer(self):
        message = bytes(self.body[5:])
        self.begin_answer(grpc_message(message if len(message) <= 200 else f"{len(message)} bytes".encode()))
        self.connection.send_head(self.stream, [("grpc-status", "0")], END_STREAM)


class FrameBackend:
    def __init__(self, tls=None):
        """`tls`: an ssl.SSLContext, for a backend that is reached through TLS."""
        self.tls = tls
        self.changed = threading.Condition()
        self.connections, self.requests = [], []  # requests: those that have come whole
        self.holding = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()
        for connection in self.connections:
            connection.end()

    def wait_for(self, condition, timeout=10.0):
        with self.changed:
            assert self.changed.wait_for(condition, timeout), f"seen: {[(r.connection.number, r.stream, r.text[:20]) for r in self.requests]}"

    def wait_requests(self, count) -> list:
        self.wait_for(lambda: len(self.requests) >= count)
        return self.requests[:count]

    def came(self, request):
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
            held = self.holding
        if not held:
            request.answer()

    def _accept(self):
        for peer in accepted(self.listener):
            with self.changed:
                self.connections.append(FrameConnection(self, len(self.connections), peer))
                self.changed.notify_all()


class FrameConnection:
    """One connection; what comes is read on a thread of its own."""

    def __init__(self, backend, number, peer):
        self.backend, self.number, self.socket = backend, number, peer
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.decoder, self.encoder = hpack.Decoder(), hpack.Encoder()
        self.writing = threading.RLock()
        self.open = {}  # stream -> Request
        self.ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, data):
        with self.writing:
            try:
                self.socket.sendall(data)
            except OSError:
                pass  # the peer is gone: reading says so

    def send_head(self, stream, fields, flags=0):
        with self.writing:
            self.send(frame(HEADERS, END_HEADERS | flags, stream, self.encoder.encode(fields)))

    def goaway(self, last, code=0):
        self.send(frame(GOAWAY, 0, 0, struct.pack(">II", last, code)))

    def end(self):
        """As when the process is killed: whatever was to be said is not."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _read(self):
        try:
            if self.backend.tls:
                self.socket = self.backend.tls.wrap_socket(self.socket, server_side=True)
            self.send(settings(max_concurrent_streams=1000))
            with self.socket, self.socket.makefile("rb") as source:
                source.read(len(PREFACE))
                while len(head := source.read(9)) == 9:
                    length, stream = int.from_bytes(head[:3], "big"), int.from_bytes(head[5:], "big")
                    self._take(head[3], head[4], stream, source.read(length))
        except OSError:
            pass
        with self.backend.changed:
            self.ended = True
            self.backend.changed.notify_all()

    def _take(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == HEADERS:
            assert flags & END_HEADERS, "heads of the tests fit into one frame"
            self.open[stream] = Request(self, stream, dict(self.decoder.decode(payload))[":path"])
        elif kind == DATA and payload:
            self.open[stream].body += payload
            credit = struct.pack(">I", len(payload))
            self.send(frame(WINDOW_UPDATE, 0, 0, credit) + frame(WINDOW_UPDATE, 0, stream, credit))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.backend.came(self.open.pop(stream))
