"""Real backends: Milvus Lite, Milvus 2.3.5, and a gRPC server of the tests."""

import json
import re
import shutil
import signal
import socket
import tempfile
from pathlib import Path

from support.paths import GRPC_BACKEND, START_MILVUS, python_of
from support.process import Process


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Lite(Process):
    """Milvus Lite: no TLS, no users."""

    def __init__(self, folder: Path):
        self.port = free_port()
        tool = python_of("lite").parent / "milvus-lite"
        super().__init__([python_of("lite"), tool, "server", "--data-dir", folder, "--host", "127.0.0.1", "--port", self.port])
        self.wait_line(lambda line: "listening" in line, timeout=30)


class Milvus(Process):
    """Milvus 2.3.5. Settings are `key=value` of the wheel, as tests/tools/start_milvus.py takes them."""

    def __init__(self, *settings):
        self.settings = settings
        self.folder = Path(tempfile.mkdtemp(prefix="sallyport-milvus-"))
        super().__init__([python_of("milvus235"), START_MILVUS, self.folder, *settings])
        try:
            self.port = int(self.wait_line(lambda line: re.match(r"started (\d+)$", line), timeout=90)[1])
        except BaseException:
            self.stop()
            raise

    def stop(self, number=signal.SIGTERM, timeout=30.0):
        code = super().stop(number, timeout)
        shutil.rmtree(self.folder, ignore_errors=True)
        return code


class GrpcBackend(Process):
    """The tests' own gRPC server (grpc_backend.py), which says on its standard output what it sees."""

    def __init__(self, port=0):
        super().__init__([python_of("tests"), GRPC_BACKEND, port])
        self.port = self.wait_said("listening", timeout=20)["port"]

    def mark(self) -> int:
        return len(self.lines)

    def wait_said(self, event, since=0, timeout=10.0, **fields) -> dict:
        def is_it(line):
            said = json.loads(line) if line.startswith("{") else {}
            return said if said.get("event") == event and all(said.get(k) == v for k, v in fields.items()) else None

        return self.wait_line(is_it, timeout, since)

    def said(self, event, since=0, **fields) -> list:
        found = [json.loads(line) for line in self.lines[since:] if line.startswith("{")]
        return [s for s in found if s["event"] == event and all(s.get(k) == v for k, v in fields.items())]

    def kill(self):
        self.stop(signal.SIGKILL)
