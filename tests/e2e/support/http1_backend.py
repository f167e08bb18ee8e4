"""A REST backend of the tests: answers every request with what it saw of it, as JSON, and writes everything down.

GET /slow?N       the head after N seconds                POST /count    how many bytes came, and their SHA-256
GET /bytes?N      N bytes                                 GET /half      a length of 100, ten bytes, and the end
"""

import hashlib
import http.server
import json
import threading
import time


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _answer(self):
        body = self._body()
        with self.server.changed:
            self.server.requests.append((self.command, self.path, self.headers.items(), body[:1000]))
            self.server.changed.notify_all()
        path, _, query = self.path.partition("?")
        if path == "/slow":
            time.sleep(float(query))
        if path == "/half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.")
            self.close_connection = True
            return
        if path == "/bytes":
            out, kind = b"x" * int(query), "application/octet-stream"
        else:
            seen = {"method": self.command, "path": self.path, "fields": self.headers.items(), "length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            out, kind = json.dumps(seen).encode(), "application/json"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(out)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _answer

    def log_message(self, *_):
        pass


class RestBackend(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        self.requests, self.connections = [], 0
        self.changed = threading.Condition()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def process_request(self, request, client_address):
        with self.changed:
            self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request, client_address):
        pass  # a connection that Sallyport cut

    def close(self):
        self.shutdown()
        self.server_close()

    def mark(self):
        return self.connections, len(self.requests)

    def assert_nothing_since(self, mark):
        assert self.mark() == mark, f"the backend saw {self.requests[mark[1]:]}, connections {mark[0]} -> {self.connections}"
