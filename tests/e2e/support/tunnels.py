"""What stands behind a tunnel: real servers that know nothing of HTTP, and a gate before them that counts who comes."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from support.accepting import accepted
from support.backends import free_port
from support.paths import PEERS, PROGRAM, peer
from support.process import Process
from support.program import surroundings
from support.pump import pump


class Gate:
    """Passes bytes on to a port and counts the connections that were made to it: a refusal must not be one."""

    def __init__(self, backend_port: int):
        self.backend_port, self.connections = backend_port, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        for client in accepted(self.listener):
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self.backend_port))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=pump, args=(source, sink), daemon=True).start()


class Echo:
    """Gives back what it got, when it has got all of it."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        for client in accepted(self.listener):
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    @staticmethod
    def _serve(client):
        with client:
            try:
                everything = b""
                while data := client.recv(1 << 16):
                    everything += data
                client.sendall(everything)
            except OSError:
                pass


class Redis(Process):
    def __init__(self, folder: Path):
        self.port = free_port()
        super().__init__([peer("redis-server"), "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--dir", folder])
        self.wait_line(lambda line: "Ready to accept connections" in line, timeout=20)


def redis_cli(port, *words, stdin=None, timeout=30):
    done = subprocess.run([str(peer("redis-cli")), "-h", "127.0.0.1", "-p", str(port), *words], input=stdin, capture_output=True, timeout=timeout)
    return done.stdout, done.stderr


class Postgres(Process):
    """PostgreSQL does not run as root: there, a copy of it runs as nobody."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sallyport-postgres-"))
        self.port = free_port()
        programs, before = PEERS / "usr/lib/postgresql/15/bin", []
        if os.geteuid() == 0:
            for part in ("lib/postgresql", "share/postgresql"):
                shutil.copytree(PEERS / "usr" / part, self.folder / "usr" / part, symlinks=True)
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            programs = self.folder / "usr/lib/postgresql/15/bin"
            before = ["setpriv", "--reuid", "nobody", "--regid", str(nobody.pw_gid), "--clear-groups"]
        data = self.folder / "data"
        subprocess.run([*before, programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"], check=True,
                       capture_output=True, cwd=self.folder, timeout=60)
        super().__init__([*before, programs / "postgres", "-D", data, "-p", self.port, "-k", "", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"],
                         cwd=self.folder)
        self.wait_line(lambda line: "ready to accept connections" in line, timeout=30)

    def stop(self, number=signal.SIGINT, timeout=30.0):
        """SIGINT: sessions that are open do not hold it up."""
        code = super().stop(number, timeout)
        shutil.rmtree(self.folder, ignore_errors=True)
        return code


def psql_command(port):
    return [str(peer("psql")), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", f"host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=disable"]


def psql(port, statements: str, timeout=60):
    done = subprocess.run(psql_command(port), input=statements, capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout, done.stderr


class Connect(Process):
    """`sallyport connect … --listen`: a port of the loopback that leads through the listener."""

    def __init__(self, listener, *arguments):
        super().__init__([PROGRAM, "connect", listener, "--listen", "127.0.0.1:0", *arguments], env=surroundings())
        self.port = int(self.wait_line(lambda line: line.startswith("sallyport: listening on ") and line).rpartition(":")[2])


def connect(listener, *arguments, stdin=b"", timeout=30):
    """`sallyport connect` between pipes: (exit code, standard output, standard error)."""
    done = subprocess.run([str(PROGRAM), "connect", *map(str, (listener, *arguments))], input=stdin, capture_output=True, timeout=timeout, env=surroundings())
    return done.returncode, done.stdout, done.stderr.decode()
