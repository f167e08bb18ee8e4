"""The gRPC libraries that people call Milvus with, each as a small program that is one channel: tests/clients, with the words that they speak."""

import json
import subprocess

from support.h2raw import token
from support.paths import CLIENT_SOURCES, CLIENTS, VENVS, python_of
from support.process import Process

NAMES = ["grpc-go", "grpc-java", "grpc-js", "grpcio"]
GOOD = token("root:Milvus")


JAVA = ["/usr/bin/java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
NODE = VENVS / "node" / "bin" / "node"


def _command(name):
    made = {
        "grpc-go": [CLIENTS / "go" / "client"],
        "grpc-java": [*JAVA, "-cp", f"{CLIENTS}/java/classes:{CLIENTS}/java/lib/*", "Client"],
        "grpc-js": [NODE, CLIENT_SOURCES / "js" / "client.js"],
        "grpcio": [python_of("tests"), CLIENT_SOURCES / "python" / "client.py"],
    }
    return made[name]


class GrpcClient(Process):
    """The library `name` with one channel over mutual TLS to that port. Calls run side by side; each has a deadline."""

    def __init__(self, name, port, certs, environment, host="localhost"):
        self.name = name
        files = [certs / "ca.pem", certs / "client.pem", certs / "client.key"]
        environment = environment | {"NODE_PATH": str(CLIENTS / "js" / "node_modules")}
        super().__init__([*_command(name), f"{host}:{port}", *files], stdin=subprocess.PIPE, env=environment)
        self.begun = []  # where in what it says each call begins

    def start(self, kind, method, text="", *, token=GOOD, size=0, count=1, timeout=15) -> str:
        """Begins a call (tests/clients/README.md has the words); its id."""
        id_ = str(len(self.begun))
        self.begun.append(len(self.lines))
        order = {"id": id_, "kind": kind, "method": method, "token": token, "text": text, "size": size, "count": count, "timeout": timeout}
        self.child.stdin.write(json.dumps(order).encode() + b"\n")
        self.child.stdin.flush()
        return id_

    def wait_said(self, event, id_, timeout=20.0) -> dict:
        """Longer than a call's deadline: a call that hangs is one whose library has forgotten it."""
        return self.wait_line(lambda line: _said(line, event, id_), timeout, self.begun[int(id_)])

    def ended(self, id_) -> dict:
        return self.wait_said("ended", id_)

    def call(self, *order, **more) -> dict:
        return self.ended(self.start(*order, **more))

    def next_ended(self, at: int, timeout=20.0):
        """(the first end of a call in what it says from index `at` on, the index after it)"""
        found = self.wait_line(lambda line: _said(line, "ended"), timeout, at)
        while _said(self.lines[at], "ended") is None:
            at += 1
        return found, at + 1

    def finish(self):
        self.child.stdin.close()
        assert self.wait(10) == 0, self.tail()


def _said(line, event, id_=None):
    if not line.startswith("{"):
        return None
    said = json.loads(line)
    return said if said["event"] == event and id_ in (None, said["id"]) else None


class Load:
    """Calls of one kind in several lanes: a lane begins the next one when one has ended well. Each has a text of its own."""

    def __init__(self, client: GrpcClient, method, lanes):
        self.client, self.method = client, method
        self.texts, self.ends = {}, {}  # by id
        self.at = len(client.lines)
        for _ in range(lanes):
            self.begin()

    def begin(self) -> str:
        text = f"call-{len(self.texts)}"
        id_ = self.client.start("unary", self.method, text)
        self.texts[id_] = text
        return id_

    @property
    def under_way(self) -> int:
        return len(self.texts) - len(self.ends)

    def step(self, more=True):
        """Waits until one of its calls has ended, and begins another one if it ended well."""
        ended = None
        while ended is None or ended["id"] not in self.texts:
            ended, self.at = self.client.next_ended(self.at)
        self.ends[ended["id"]] = ended
        if more and ended["code"] == "OK":
            self.begin()

    def failed(self) -> dict:
        """The ends of those that did not end well, by their texts."""
        return {self.texts[id_]: end for id_, end in self.ends.items() if (end["code"], end["text"]) != ("OK", self.texts[id_])}
