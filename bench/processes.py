"""The started programs of a benchmark: their process trees, CPU time, memory, and the CPU that they are pinned to."""
import os
import signal
import socket
import subprocess
import time


def descendants(pid):
    """The process and all its descendants, from /proc."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as f:
                    parent = int(f.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found, left = [], [pid]
    while left:
        one = left.pop()
        if os.path.exists(f"/proc/{one}"):
            found.append(one)
        left += children.get(one, [])
    return found


def cpu_seconds(pids):
    """User plus system time of the processes with all their threads, ended ones too.

    The CPU clock of a process (its id is made from the process id, as clock_getcpuclockid(3) does) counts nanoseconds where
    /proc/PID/stat counts hundredths of a second."""
    total = 0.0
    for pid in pids:
        try:
            total += time.clock_gettime(((~pid) << 3) | 2)
        except OSError:
            pass  # it has ended
    return total


def memory_kib(pids, key="VmRSS"):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith(key + ":"))
        except OSError:
            pass
    return total


def reset_peak(pids):
    """VmHWM counts from now on; proc(5), clear_refs."""
    for pid in pids:
        try:
            with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as f:
                f.write("5")
        except OSError:
            pass


def pinned(argv, cpu):
    return argv if cpu is None else ["taskset", "-c", str(cpu)] + argv


def free_port(above):
    while True:
        above += 1
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", above)) != 0:
                return above


class Service:
    """A started program, which listens on a port of 127.0.0.1, with its process tree."""

    def __init__(self, name, argv, port, cpu, log, env=None):
        with open(log, "ab") as out:
            self.process = subprocess.Popen(pinned(argv, cpu), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env={**os.environ, **(env or {})}, start_new_session=True)
        self.port = port
        self.guarded = False  # see Bench.guarded
        if not self.listens(within=15):
            self.stop()
            with open(log, encoding="utf-8", errors="replace") as f:
                raise RuntimeError(f"{name} does not listen: " + " ".join(f.read().split())[-300:])
        time.sleep(0.3)  # a master may still be starting its worker
        self.pin(cpu)

    def listens(self, within):
        end = time.monotonic() + within
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket() as s:
                s.settimeout(1)
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return True
            time.sleep(0.05)
        return False

    def pids(self):
        return descendants(self.process.pid)

    def pin(self, cpu):
        """Pins every thread: some servers choose their own CPU when they start."""
        if cpu is None:
            return
        for pid in self.pids():
            for thread in os.listdir(f"/proc/{pid}/task"):
                try:
                    os.sched_setaffinity(int(thread), {cpu})
                except OSError:
                    pass

    def stop(self):
        pids = self.pids()
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for pid in pids:
                try:
                    os.kill(pid, sign)
                except OSError:
                    pass
            for _ in range(40):
                self.process.poll()
                if not any(os.path.exists(f"/proc/{pid}") for pid in pids):
                    return
                time.sleep(0.05)
