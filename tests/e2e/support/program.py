"""The program under test: started with a configuration in a folder of its own, its log read as it is written."""

import os
import re
import signal
import subprocess
from pathlib import Path

import yaml

from support.paths import PROGRAM
from support.process import Process

# Root reads files of mode 0 as well, unless these two capabilities are out of what it can have.
_WITHOUT_ROOTS_OVERRIDE = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--")
_FIELD = re.compile(r'([A-Za-z0-9_.-]+)=("(?:[^"\\]|\\.)*"|\S*)')
_LEVELS = "trace|debug|info|warning|error"
_LINE = re.compile(rf"^\S+ +(?:\S+ +)?(?P<level>{_LEVELS}) +(?P<event>[a-z0-9_]+)(?: (?P<fields>.*))?$")
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|.)")


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    plain = {"n": "\n", "r": "\r", "t": "\t"}
    return _ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "x" and len(m[1]) == 3 else plain.get(m[1], m[1]), value[1:-1])


def surroundings(**more) -> dict:
    """The environment of the program: ours without SALLYPORT_…, which it reads as settings (those of the tests among them are none).

    SALLYPORT_OPENSSL is a folder with another libssl and libcrypto that it is to run on (./dev openssl35).
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SALLYPORT_", "XDG_STATE_HOME", "STATE_DIRECTORY"))}
    if other := os.environ.get("SALLYPORT_OPENSSL"):
        kept["LD_LIBRARY_PATH"] = str(Path(other).resolve())
    return kept | {name: str(value) for name, value in more.items()}


def event_of(line: str):
    """A log line as a dict of its fields with `event` and `level`; None for anything else."""
    found = _LINE.match(line)
    if not found:
        return None
    fields = {name: _unquoted(value) for name, value in _FIELD.findall(found["fields"] or "")}
    return fields | {"event": found["event"], "level": found["level"], "line": line}


def configuration(folder: Path, backend, *, certs: Path = None, mode=0, listener=None, **more) -> dict:
    """The configuration of one listener on a free port in front of one backend (a port of gRPC alone, or the whole `backends` list)."""
    listening = {"name": "milvus", "address": "127.0.0.1:0", "backend": "milvus"} | (listener or {})
    if mode:
        tls = {"certificates": [{"cert": str(certs / "server.pem"), "key": str(certs / "server.key")}],
               "client_certificates": "required" if mode == 2 else "none"}
        if mode == 2:
            tls["client_ca"] = str(certs / "ca.pem")
        listening["tls"] = tls | listening.get("tls", {})
    if isinstance(backend, int):
        backend = [{"name": "milvus", "endpoints": [f"127.0.0.1:{backend}"], "rest": "off"}]
    return {"listeners": [listening], "backends": backend, "users": {"store": f"sqlite:{folder / 'users.db'}"}} | more


class Sallyport(Process):
    def __init__(self, folder: Path, settings, *arguments, wait=True):
        """`settings`: a dict for -c, or None when `arguments` say it all. Waits until every listener listens unless told not to."""
        self.folder = folder
        command = [PROGRAM, "run"]
        if settings is not None:
            self.file = folder / "sallyport.yaml"
            self.file.write_text(yaml.safe_dump(settings, sort_keys=False))
            command += ["-c", self.file]
        self.secrets = {"P@ssw0rd"}  # and whatever a test adds: none of them may ever be in the log
        super().__init__([*command, *arguments], cwd=folder, env=surroundings(HOME=folder))
        self.ports = {}
        if wait:
            for _ in range(len(settings["listeners"]) if settings else 1):
                self._await_listener()
            self.wait_event("ready", timeout=15)

    def _await_listener(self):
        def another(line):
            event = event_of(line)
            return event if event and event["event"] == "listening" and event["listener"] not in self.ports else None

        event = self.wait_line(another, timeout=15)
        self.ports[event["listener"]] = int(event["address"].rpartition(":")[2])

    @property
    def port(self) -> int:
        return next(iter(self.ports.values()))

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    # The log

    def mark(self) -> int:
        return len(self.lines)

    def events(self, name=None, since=0, **fields) -> list:
        found = (event_of(line) for line in self.lines[since:])
        return [e for e in found if e and (name is None or e["event"] == name) and all(e.get(k) == v for k, v in fields.items())]

    def wait_event(self, name=None, since=0, timeout=5.0, **fields) -> dict:
        """Waits for a line of the log; a field given as a compiled pattern is searched, anything else must be equal."""
        return self.wait_events(name, 1, since, timeout, **fields)[0]

    def wait_events(self, name, count, since=0, timeout=5.0, **fields) -> list:
        """Likewise for the first `count` of them: what a client has seen may be in the log a moment later."""
        def is_it(line):
            event = event_of(line)
            if not event or name is not None and event["event"] != name:
                return None
            for field, value in fields.items():
                seen = event.get(field)
                if seen is None or not (value.search(seen) if isinstance(value, re.Pattern) else seen == value):
                    return None
            return event

        return self.wait_lines(is_it, count, timeout, since)

    def rss_kib(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    # Ends

    def finish(self, timeout=40.0):
        """SIGTERM; it must end by itself with 0, without a sanitizer's word and without a secret in the log."""
        if self.child.poll() is None:
            self.send_signal(signal.SIGTERM)
        try:
            code = self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.wait()
            raise AssertionError(f"did not end within {timeout} s after SIGTERM:\n{self.tail()}") from None
        assert code == 0, f"ended with {code}:\n{self.tail()}"
        self.check_log()

    def check_log(self):
        log = "\n".join(self.lines)
        for secret in self.secrets:
            assert secret not in log, f"a secret is in the log: {[line for line in self.lines if secret in line]}"
        assert "ERROR: AddressSanitizer" not in log and "WARNING: ThreadSanitizer" not in log and "runtime error:" not in log, self.tail(200)


def command(*arguments, stdin=None, timeout=30, folder=None, ordinary=False):
    """Runs `sallyport …` to its end: (exit code, standard output, standard error). `ordinary`: the modes of files bind it even as root."""
    before = _WITHOUT_ROOTS_OVERRIDE if ordinary and os.geteuid() == 0 else ()
    done = subprocess.run([*before, str(PROGRAM), *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=timeout, cwd=folder,
                          env=surroundings(HOME=folder or "/nonexistent"))
    return done.returncode, done.stdout, done.stderr
