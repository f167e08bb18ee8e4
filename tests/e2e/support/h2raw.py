"""An HTTP/2 client that shows what is on the wire: every frame in the order it came, header blocks as lists of (name, value).

One object is one connection, used by one thread. It sends what it is told to, right or wrong, which is what a client library would not do;
`call` is the ordinary unary gRPC call on top of that. It credits what it reads, so that windows never stop an answer unless a test wants it.
"""

import base64
import socket
import ssl
import struct
import time
from dataclasses import dataclass, field

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
NAMES = "DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY WINDOW_UPDATE CONTINUATION".split()
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1


class Closed(Exception):
    """The peer ended the connection; `alert` is the TLS library's word for it, if there was one."""

    def __init__(self, alert=""):
        super().__init__(alert or "connection closed")
        self.alert = alert


@dataclass
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes
    headers: list = None

    def __repr__(self):
        name = NAMES[self.kind] if self.kind < len(NAMES) else hex(self.kind)
        return f"{name}(stream={self.stream} flags={self.flags:#x} {self.headers if self.headers is not None else self.payload[:40]})"


@dataclass
class Answer:
    """What came on one stream until it ended."""

    frames: list = field(default_factory=list)

    @property
    def header_lists(self):
        return [f.headers for f in self.frames if f.kind == HEADERS]

    @property
    def fields(self):
        return dict(pair for headers in self.header_lists for pair in headers)

    @property
    def body(self):
        return b"".join(f.payload for f in self.frames if f.kind == DATA)

    @property
    def message(self):
        """The first gRPC message without its prefix; None when there is none."""
        body = self.body
        return body[5 : 5 + struct.unpack(">I", body[1:5])[0]] if len(body) >= 5 else None

    @property
    def grpc(self):
        """(grpc-status, grpc-message), status None when the stream was reset or is not gRPC."""
        status = self.fields.get("grpc-status")
        return (int(status) if status is not None else None, self.fields.get("grpc-message", ""))

    @property
    def reset(self):
        """The code of the RST_STREAM that ended it, else None."""
        codes = [struct.unpack(">I", f.payload)[0] for f in self.frames if f.kind == RST_STREAM]
        return codes[0] if codes else None

    @property
    def form(self):
        """The order of the frames and of the names in each header block: what a client sees besides the values."""
        return [("HEADERS", bool(f.flags & END_STREAM), [name for name, _ in f.headers]) if f.kind == HEADERS else
                (NAMES[f.kind], bool(f.flags & END_STREAM)) for f in self.frames]

    @property
    def trailers_only(self):
        return len(self.frames) == 1 and self.frames[0].kind == HEADERS and bool(self.frames[0].flags & END_STREAM)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(**values):
    numbers = dict(header_table_size=1, enable_push=2, max_concurrent_streams=3, initial_window_size=4, max_frame_size=5, max_header_list_size=6)
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", numbers[name], value) for name, value in values.items()))


def grpc_message(payload: bytes) -> bytes:
    return b"\0" + struct.pack(">I", len(payload)) + payload


def token(text) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def tls_context(ca=None, cert=None, key=None, alpn=("h2",), version=None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        context.load_verify_locations(ca)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert:
        context.load_cert_chain(cert, key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def request_head(path, *, authorization=None, content_type="application/grpc", extra=(), method="POST", scheme="http", authority="localhost"):
    """The head of a gRPC request. `authorization` is the field's value as it goes on the wire, or a list of values."""
    head = [(":method", method), (":scheme", scheme), (":path", path), (":authority", authority), ("te", "trailers")]
    if content_type is not None:
        head.append(("content-type", content_type))
    values = [] if authorization is None else [authorization] if isinstance(authorization, (str, bytes)) else authorization
    return head + [("authorization", value) for value in values] + list(extra)


class Connection:
    def __init__(self, address, tls: ssl.SSLContext = None, server_name="localhost", timeout=10.0, window=1 << 20, first_settings=True, session=None):
        """Connects, with the handshake when `tls` is given, and sends preface and SETTINGS. ssl.SSLError and OSError pass through."""
        self.timeout = timeout
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname=server_name, session=session)
        except BaseException:
            self.socket.close()
            raise
        self.tls = tls is not None
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.next_stream = 1
        self.buffer = bytearray()
        self.block = None  # the header block that CONTINUATION frames still belong to
        self.seen = []  # every frame of the connection
        self.streams = {}  # stream -> Answer
        self.ended = set()
        self.auto_credit = True
        self.peer_settings = {}
        if first_settings:
            self.send(PREFACE + settings(enable_push=0, initial_window_size=window) + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 24)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data: bytes):
        try:
            self.socket.sendall(data)
        except (OSError, ssl.SSLError) as error:
            raise Closed(self.last_alert() or str(error)) from error

    def last_alert(self) -> str:
        """Why the peer is gone, when that came before it went: a write fails first, and says nothing."""
        try:
            self.socket.settimeout(1)
            while self.socket.recv(65_536):
                pass
        except ssl.SSLError as error:
            return error.reason or ""
        except OSError:
            pass
        return ""

    # Requests

    def head_frames(self, stream, head, end_stream=False, piece=16_384) -> bytes:
        block = self.encoder.encode([hpack.NeverIndexedHeaderTuple(n, v) for n, v in head])
        pieces = [block[at : at + piece] for at in range(0, len(block), piece)] or [b""]
        out = frame(HEADERS, (END_STREAM if end_stream else 0) | (END_HEADERS if len(pieces) == 1 else 0), stream, pieces[0])
        for index, part in enumerate(pieces[1:], 2):
            out += frame(CONTINUATION, END_HEADERS if index == len(pieces) else 0, stream, part)
        return out

    def start(self, head, body: bytes = None, end=True) -> int:
        """Sends a request: the head, and the body in frames when there is one (small bodies only: windows are not looked at)."""
        stream = self.next_stream
        self.next_stream += 2
        self.streams[stream] = Answer()
        out = self.head_frames(stream, head, end_stream=body is None and end)
        if body is not None:
            pieces = [body[at : at + 16_384] for at in range(0, len(body), 16_384)] or [b""]
            for index, part in enumerate(pieces, 1):
                out += frame(DATA, END_STREAM if end and index == len(pieces) else 0, stream, part)
        self.send(out)
        return stream

    def call(self, path, payload: bytes = b"", **head) -> Answer:
        """One unary gRPC call; `head` as of request_head."""
        head.setdefault("scheme", "https" if self.tls else "http")
        return self.answer(self.start(request_head(path, **head), grpc_message(payload)))

    # Answers

    def answer(self, stream, timeout=None) -> Answer:
        """Reads until the stream has ended."""
        self.until(lambda: stream in self.ended, timeout)
        return self.streams[stream]

    def until(self, condition, timeout=None):
        limit = time.monotonic() + (timeout or self.timeout)
        while not condition():
            self.read(limit - time.monotonic())

    def read(self, timeout=None):
        """Reads once and takes in the frames that are whole. Raises TimeoutError, or Closed when the peer has ended."""
        if timeout is not None and timeout <= 0:
            raise TimeoutError(f"nothing more came; seen so far: {self.seen[-6:]}")
        self.socket.settimeout(timeout if timeout is not None else self.timeout)
        try:
            data = self.socket.recv(1 << 18)
        except TimeoutError as error:
            raise TimeoutError(f"nothing more came; seen so far: {self.seen[-6:]}") from error
        except (ssl.SSLError, OSError) as error:
            raise Closed(getattr(error, "reason", None) or str(error)) from error
        if not data:
            raise Closed()
        self.buffer += data
        while len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                break
            kind, flags, stream = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big") & 0x7FFFFFFF
            payload = bytes(self.buffer[9 : 9 + length])
            del self.buffer[: 9 + length]
            self.take(Frame(kind, flags, stream, payload))

    def take(self, got: Frame):
        if got.kind in (HEADERS, CONTINUATION):
            self.block = got if got.kind == HEADERS else self.block
            if got.kind == CONTINUATION:
                self.block.payload += got.payload
            if not got.flags & END_HEADERS:
                return
            got = self.block
            got.headers = [(_text(n), _text(v)) for n, v in self.decoder.decode(got.payload, raw=True)]
        self.seen.append(got)
        if got.kind == SETTINGS and not got.flags & ACK:
            self.peer_settings.update(struct.unpack(">HI", got.payload[at : at + 6]) for at in range(0, len(got.payload), 6))
            self.quietly(frame(SETTINGS, ACK, 0))
        elif got.kind == PING and not got.flags & ACK:
            self.quietly(frame(PING, ACK, 0, got.payload))
        elif got.kind == DATA and got.payload and self.auto_credit:
            credit = struct.pack(">I", len(got.payload))
            self.quietly(frame(WINDOW_UPDATE, 0, 0, credit) + (b"" if got.flags & END_STREAM else frame(WINDOW_UPDATE, 0, got.stream, credit)))
        if got.stream and got.kind in (HEADERS, DATA, RST_STREAM):
            self.streams.setdefault(got.stream, Answer()).frames.append(got)
            if got.kind == RST_STREAM or got.flags & END_STREAM:
                self.ended.add(got.stream)

    def quietly(self, data):
        try:
            self.socket.sendall(data)
        except (OSError, ssl.SSLError):
            pass  # the peer is gone: the next read says so

    def read_to_end(self, timeout=None) -> str:
        """Reads until the peer ends the connection; the alert's name, or empty."""
        limit = time.monotonic() + (timeout or self.timeout)
        try:
            while True:
                self.read(limit - time.monotonic())
        except Closed as closed:
            return closed.alert

    @property
    def goaways(self):
        """(last stream, code, text) of each GOAWAY."""
        return [(*struct.unpack(">II", f.payload[:8]), f.payload[8:]) for f in self.seen if f.kind == GOAWAY]


def _text(raw) -> str:
    return bytes(raw).decode("latin-1")
