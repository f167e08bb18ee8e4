#!/usr/bin/env python3
"""The demonstration: the user guide's page on TLS and users, from nothing, in front of a Milvus Lite that has neither TLS nor users.

demo.py [--keep] [--client py24|py26|py30] [--port N] [--mode 0|1|2]

Makes certificates, starts Milvus Lite and Sallyport with the settings that a Milvus user already has (mutual TLS, authorizationEnabled,
superUsers), runs the whole guide through pymilvus, prints each step with what was expected and seen, and takes everything down again. The exit
status is 0 only if every step came out as the guide says. `--keep` leaves it up and prints how to talk to it.

It needs what `./dev demo` installs: build/sallyport (SALLYPORT_BUILD names another folder) and the virtual environments in build/venv
(SALLYPORT_VENVS). It uses Python's standard library alone.
"""

import argparse
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SALLYPORT_BUILD", REPOSITORY / "build")).resolve()
VENVS = Path(os.environ.get("SALLYPORT_VENVS", REPOSITORY / "build" / "venv")).resolve()
PROGRAM = BUILD / "sallyport"
GUIDE = Path(__file__).resolve().parent / "guide.py"

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
BOLD, DIM, GREEN, RED, PLAIN = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if COLOUR else ("",) * 5


class Failed(Exception):
    """What went wrong, and what to do next."""

    def __init__(self, what, then=""):
        super().__init__(what)
        self.then = then


def title(text):
    print(f"\n{BOLD}== {text}{PLAIN}", flush=True)


class Working:
    """A line that says what is being done and, at the end, that it is done and how long it took."""

    def __init__(self, what):
        self.what = what

    def __enter__(self):
        self.begun = time.monotonic()
        if COLOUR:
            print(f"   {self.what} …", end="", flush=True)
        return self

    def tick(self):
        if COLOUR:
            print(".", end="", flush=True)

    def __exit__(self, kind, *_):
        word = f"{RED}failed{PLAIN}" if kind else f"{GREEN}done{PLAIN}"
        start = "\r\033[K" if COLOUR else ""
        print(f"{start}   {self.what}: {word} {DIM}({time.monotonic() - self.begun:.1f} s){PLAIN}", flush=True)


class Child:
    """A process with its output in a file; ended by its pid."""

    def __init__(self, name, arguments, log: Path, stays: bool):
        self.name, self.log = name, log
        libc = ctypes.CDLL(None)
        ending = None if stays else lambda: libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: ends with us whatever happens
        with open(log, "wb") as out:
            self.child = subprocess.Popen([str(a) for a in arguments], env=surroundings(), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                          start_new_session=stays, preexec_fn=ending)
        self.pid = self.child.pid

    def text(self):
        return self.log.read_text("utf-8", "backslashreplace")

    def wait_for_line(self, pattern, seconds, working):
        """The match of `pattern` in what it printed."""
        return self.wait_until(lambda: re.search(pattern, self.text(), re.M), seconds, working)

    def wait_for_port(self, port, seconds, working):
        """Until something accepts there: what others print, and when, is not a promise."""
        self.wait_until(lambda: accepts(port), seconds, working)

    def wait_until(self, seen, seconds, working):
        limit = time.monotonic() + seconds
        ticked = time.monotonic()
        while True:
            if found := seen():
                return found
            if self.child.poll() is not None:
                raise Failed(f"{self.name} ended with {self.child.returncode} before it served", f"its log is {self.log}")
            if time.monotonic() > limit:
                raise Failed(f"{self.name} does not serve after {seconds} s", f"its log is {self.log}")
            if time.monotonic() - ticked > 1:
                ticked = time.monotonic()
                working.tick()
            time.sleep(0.05)

    def stop(self, seconds=35):
        """Its exit code."""
        if self.child.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise Failed(f"{self.name} did not end within {seconds} s of SIGTERM", f"its log is {self.log}") from None


def surroundings() -> dict:
    """The program reads SALLYPORT_… as settings, which those of this script are not."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SALLYPORT_")}
    return {**kept, "PYTHONUNBUFFERED": "1"}  # a log that is read while it is written


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def accepts(port) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def settings_of(folder: Path, mode: int) -> str:
    certs = folder / "certs"
    lines = ["common:", "  security:", "    authorizationEnabled: true", "    superUsers: root", f"    tlsMode: {mode}"]
    if mode:
        lines += ["tls:", f"  serverPemPath: {certs}/server.pem", f"  serverKeyPath: {certs}/server.key", f"  caPemPath: {certs}/ca.pem"]
    return "\n".join(lines) + "\n"


class Demo:
    def __init__(self, options):
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="sallyport-demo-"))
        self.children = []
        self.sallyport = None

    def check_tools(self):
        for path, what in ((PROGRAM, "the program"), (self.python("lite"), "the virtual environment of Milvus Lite"),
                           (self.python(self.options.client), "the virtual environment of pymilvus")):
            if not path.exists():
                raise Failed(f"{what} is missing: {path}", "run ./dev demo, which builds and installs what it needs")

    @staticmethod
    def python(venv) -> Path:
        return VENVS / venv / "bin" / "python"

    def start(self, name, arguments, log):
        child = Child(name, arguments, self.folder / log, stays=self.options.keep)
        self.children.append(child)
        return child

    def run(self) -> int:
        mode = self.options.mode
        title("Setting up")
        print(f"   everything is in {self.folder}")
        with Working("certificates (sallyport certs init)"):
            done = subprocess.run([PROGRAM, "certs", "init", self.folder / "certs"], capture_output=True, text=True, env=surroundings())
            if done.returncode:
                raise Failed(f"certs init ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
        lite_port = free_port()
        with Working(f"Milvus Lite on 127.0.0.1:{lite_port}, without TLS and without users") as working:
            tool = self.python("lite").parent / "milvus-lite"
            self.start("Milvus Lite", [self.python("lite"), tool, "server", "--data-dir", self.folder / "lite", "--host", "127.0.0.1", "--port", lite_port],
                       "lite.log").wait_for_port(lite_port, 180, working)
        settings = self.folder / "milvus.yaml"
        settings.write_text(settings_of(self.folder, mode))
        arguments = [PROGRAM, "run", "--milvus-config", settings, "--backend", f"127.0.0.1:{lite_port}", "--listen", f"127.0.0.1:{self.options.port}",
                     "--store", self.folder / "users.db"]
        with Working("Sallyport in front of it") as working:
            self.sallyport = self.start("Sallyport", arguments, "sallyport.log")
            port = int(self.sallyport.wait_for_line(r"\blistening\b.*\baddress=127\.0\.0\.1:(\d+)", 20, working)[1])
        print(f"\n   {DIM}$ {' '.join(str(a) for a in arguments)}{PLAIN}")
        print("\n".join(f"   {DIM}{line}{PLAIN}" for line in settings.read_text().splitlines()))

        title("The user guide, step by step")
        status = self.guide(port)
        if status:
            raise Failed("the guide did not come out as it should", "the steps marked FAILED above say what was expected and what was seen")
        if self.options.keep:
            self.tell(port)
        return 0

    def guide(self, port) -> int:
        certs = self.folder / "certs"
        scheme = "https" if self.options.mode else "http"
        command = [self.python(self.options.client), GUIDE, "--uri", f"{scheme}://localhost:{port}", "--mode", str(self.options.mode),
                   "--ca", certs / "ca.pem", "--cert", certs / "client.pem", "--key", certs / "client.key"]
        return subprocess.run([str(a) for a in command] + (["--colour"] if COLOUR else []), timeout=300).returncode

    def tell(self, port):
        certs, mode = self.folder / "certs", self.options.mode
        tls = {0: "", 1: f'    secure=True, server_name="localhost", server_pem_path="{certs}/ca.pem",\n',
               2: f'    secure=True, server_name="localhost", ca_pem_path="{certs}/ca.pem",\n'
                  f'    client_pem_path="{certs}/client.pem", client_key_path="{certs}/client.key",\n'}[mode]
        pids = " ".join(str(child.pid) for child in self.children)
        title("It stays up")
        print(f"""
Talk to it with {self.python(self.options.client)}:

from pymilvus import MilvusClient
client = MilvusClient(
    uri="http{'s' if mode else ''}://localhost:{port}", token="root:Milvus",
{tls})
print(client.list_users())

Its users:  {PROGRAM} user list -c {self.user_configuration(port)}
Its log:    {self.sallyport.log}
Stop it:    kill {pids} && rm -r {self.folder}
""", flush=True)

    def user_configuration(self, port) -> Path:
        """What `sallyport user` needs to find the running server: where its store is."""
        file = self.folder / "user.yaml"
        file.write_text(f"users:\n  store: sqlite:{self.folder}/users.db\n")
        return file

    def tail(self):
        for child in self.children:
            lines = child.text().splitlines()[-25:]
            if lines:
                print(f"\n{BOLD}-- the end of {child.log.name}{PLAIN}\n" + "\n".join(lines), file=sys.stderr)

    def take_down(self):
        title("Taking it down")
        for child in reversed(self.children):
            with Working(child.name):
                code = child.stop()
                if child is self.sallyport and code:
                    raise Failed(f"Sallyport ended with {code} instead of 0")
        shutil.rmtree(self.folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", action="store_true", help="leave it up and print how to talk to it")
    parser.add_argument("--client", choices=("py24", "py26", "py30"), default="py30", help="pymilvus 2.4.15, 2.6.17 or 3.0.2 (default)")
    parser.add_argument("--port", type=int, default=0, help="of Sallyport; default: a free one")
    parser.add_argument("--mode", type=int, choices=(0, 1, 2), default=2, help="tlsMode; default: 2, mutual TLS")
    options = parser.parse_args()
    demo = Demo(options)
    try:
        demo.check_tools()
        status = demo.run()
        if not options.keep:
            demo.take_down()
            print(f"\n{GREEN}Every step came out as the guide says.{PLAIN}")
        return status
    except (Failed, OSError, subprocess.TimeoutExpired, KeyboardInterrupt) as error:
        demo.tail()
        print(f"\n{RED}demo: {str(error) or 'interrupted'}{PLAIN}", file=sys.stderr)
        if getattr(error, "then", ""):
            print(f"      {error.then}", file=sys.stderr)
        for child in reversed(demo.children):
            try:
                child.stop(10)
            except Failed:
                pass
        print(f"      what it left is in {demo.folder}" if demo.children else "", file=sys.stderr)
        if not demo.children:
            shutil.rmtree(demo.folder, ignore_errors=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
