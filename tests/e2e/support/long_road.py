"""A long road to a server: each byte takes its time there and back, so that what a client cannot know yet is known to the test."""

import queue
import socket
import threading
import time

from support.accepting import accepted


class LongRoad:
    """Listens on `port` of 127.0.0.1 and carries each connection to that server, `seconds` each way."""

    def __init__(self, server_port: int, seconds: float):
        self.server_port, self.seconds = server_port, seconds
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close_entrance(self):
        """Nobody listens here from now on; what is on the road gets there."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        for client in accepted(self.listener):
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                client.close()
                continue
            for source, sink in ((client, server), (server, client)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                way = queue.SimpleQueue()  # (when it arrives, bytes)
                threading.Thread(target=self._set_out, args=(source, way), daemon=True).start()
                threading.Thread(target=self._arrive, args=(way, sink), daemon=True).start()

    def _set_out(self, source, way):
        data = b"?"
        while data:
            try:
                data = source.recv(1 << 18)
            except OSError:
                data = b""
            way.put((time.monotonic() + self.seconds, data))

    def _arrive(self, way, sink):
        while True:
            when, data = way.get()
            time.sleep(max(0.0, when - time.monotonic()))
            try:
                if not data:
                    return sink.shutdown(socket.SHUT_WR)
                sink.sendall(data)
            except OSError:
                return
