"""One direction of a relay between two sockets."""

import socket


def pump(source: socket.socket, sink: socket.socket, read=lambda data: None):
    """Passes on what comes from `source`, and its end; `read` sees each piece first. Both directions end soon after either side does."""
    try:
        while data := source.recv(1 << 18):
            read(data)
            try:
                sink.sendall(data)
            except OSError:
                return  # its last words (an alert, a GOAWAY) are still on their way by the other direction, which ends after them
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
