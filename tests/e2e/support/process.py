"""A child process whose output is read as it comes, so that a test awaits what it says instead of sleeping."""

import os
import signal
import subprocess
import threading
import time

# Nothing is left behind when the test run itself is killed. A preexec_fn would do it too, but then Python forks, and gRPC's threads, which a
# test may have, do not bear that: the child aborts now and then before it has become the program.
ENDS_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")


class Process:
    def __init__(self, arguments, *, merge=True, **named):
        """Starts it. Standard output and, with `merge`, standard error are collected in `lines`; call from the main thread."""
        self.arguments = [str(a) for a in arguments]
        self.lines = []
        self.changed = threading.Condition()
        # A Python child would keep what it says until its buffer is full.
        named["env"] = {**named.get("env", os.environ), "PYTHONUNBUFFERED": "1"}
        named.setdefault("stdin", subprocess.DEVNULL)
        self.child = subprocess.Popen([*ENDS_WITH_US, *self.arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT if merge else None, **named)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @property
    def pid(self):
        return self.child.pid

    def _read(self):
        for raw in self.child.stdout:
            with self.changed:
                self.lines.append(raw.decode("utf-8", "backslashreplace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def wait_line(self, matches, timeout=10.0, since=0):
        """The first line from index `since` on for which `matches(line)` gives something true; what it gave. AssertionError in time."""
        return self.wait_lines(matches, 1, timeout, since)[0]

    def wait_lines(self, matches, count, timeout=10.0, since=0) -> list:
        """Likewise, the first `count` of them."""
        limit = time.monotonic() + timeout
        at = since
        all_found = []
        with self.changed:
            while True:
                while at < len(self.lines):
                    if found := matches(self.lines[at]):
                        all_found.append(found)
                        if len(all_found) == count:
                            return all_found
                    at += 1
                if not self.reader.is_alive() and at == len(self.lines):
                    raise AssertionError(f"{self.arguments[0]} ended ({self.child.wait()}) before it said that:\n{self.tail()}")
                left = limit - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{self.arguments[0]} did not say that within {timeout} s:\n{self.tail()}")
                self.changed.wait(min(left, 0.25))

    def tail(self, count=40) -> str:
        return "\n".join(self.lines[-count:])

    def send_signal(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout=30.0) -> int:
        code = self.child.wait(timeout)
        self.reader.join(5)
        return code

    def stop(self, number=signal.SIGTERM, timeout=30.0) -> int:
        """Ends it if it still runs; its exit code."""
        if self.child.poll() is None:
            self.send_signal(number)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.wait()
            raise AssertionError(f"{self.arguments[0]} did not end within {timeout} s after signal {number}:\n{self.tail()}") from None
