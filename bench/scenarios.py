"""What is measured, and how one round of it is run against one proxy."""
import json
import os
import re
import resource
import shlex
import subprocess
import tempfile
import time

import processes
from processes import Service

SUITE = "TLS_AES_256_GCM_SHA384"
AUTHORIZATION = "authorization: cm9vdDpNaWx2dXM="  # base64 of root:Milvus, as Milvus' clients send it: without a scheme
WRONG_AUTHORIZATION = "authorization: cm9vdDp3cm9uZw=="
# What pymilvus 3.0 sends beside that; grpc-core codes most of it as literals on every call.
PYMILVUS = ["--encoder-header-table-size=0", "-H", "user-agent: grpc-python/1.85.3 grpc-c/58.0.0 (linux; chttp2)",
            "-H", "grpc-accept-encoding: identity, deflate, gzip", "-H", "dbname: default", "-H", "client-request-id: 0",
            "-H", "client-request-unixmsec: 1795557629672", "-H", "identifier: 461234567890123456", "-H", "grpc-timeout: 10S"]
MIB = 1 << 20
NOTHING = {"units": 0, "failed": 0, "seconds": 0, "proxy_cpu": 0, "client_cpu": 0, "backend_cpu": 0, "peak_kib": 0}

# name: (method of Bench, its arguments, unit, what it is)
SCENARIOS = {
    "rpc-1x1": ("rpc", {"c": 1, "m": 1, "n": 6000}, "us/RPC", "unary 100 B, 1 connection, 1 stream"),
    "rpc-1x1-same": ("rpc", {"c": 1, "m": 1, "n": 8000, "same_cpu": True}, "us/RPC",
                     "the same with client, proxy and backend on one CPU, so that nothing waits for another CPU to wake up"),
    "rpc-1x100": ("rpc", {"c": 1, "m": 100, "n": 30000}, "us/RPC", "unary 100 B, 1 connection, 100 streams"),
    "rpc-1x100-lit": ("rpc", {"c": 1, "m": 100, "n": 30000, "extra": PYMILVUS}, "us/RPC", "the same with pymilvus' fields, all as literals"),
    "rpc-64x10": ("rpc", {"c": 64, "m": 10, "n": 30000}, "us/RPC", "unary 100 B, 64 connections, 10 streams"),
    "msg-up": ("rpc", {"c": 1, "m": 4, "n": 1024, "request": "big", "gib": True}, "s/GiB", "1 MiB requests, 1 connection, 4 streams"),
    "msg-down": ("rpc", {"c": 1, "m": 4, "n": 1024, "answer": "big", "gib": True}, "s/GiB", "1 MiB responses, 1 connection, 4 streams"),
    "hs-ecdsa": ("handshakes", {"cert": "ecdsa", "n": 2000}, "us/handshake", "full TLS 1.3 handshake, ECDSA P-256"),
    "hs-rsa": ("handshakes", {"cert": "rsa", "n": 1500}, "us/handshake", "full TLS 1.3 handshake, RSA-2048"),
    "hs-mtls": ("handshakes", {"mtls": True, "n": 1500}, "us/handshake", "full handshake with a client certificate"),
    "hs-resumed": ("handshakes", {"resume": True, "n": 2000}, "us/handshake", "resumed handshake (ticket, psk_dhe_ke)"),
    "idle": ("idle", {"connections": 2000}, "KiB/connection", "resident memory of an idle TLS connection after one request"),
}


def cost(record):
    """The compared figure of one record: CPU time per unit of work, or memory per connection; None when it failed."""
    if record.get("error") or not record.get("units"):
        return None
    if record["scenario"] == "idle":
        return record["kib_per_connection"]
    cpu = record["client_cpu"] + record["backend_cpu"] if record["proxy"] == "direct" else record["proxy_cpu"]
    return cpu / record["units"] * (1e6 if SCENARIOS[record["scenario"]][2].startswith("us") else 1)


def filled(template, values, mtls):
    """A configuration: @NAME@ is replaced; lines that begin with `@mtls ` or `@nomtls ` are for runs with or without client certificates."""
    lines = []
    for line in template.splitlines():
        marked = re.match(r"@(mtls|nomtls) (.*)$", line)
        if not marked:
            lines.append(line)
        elif (marked.group(1) == "mtls") == mtls:
            lines.append(marked.group(2))
    text = "\n".join(lines) + "\n"
    for name, value in values.items():
        text = text.replace(f"@{name.upper()}@", str(value))
    return text


class Bench:
    """The work folder and the running services of one benchmark."""

    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="sallyport-bench-")
        self.port = options.base_port
        self.backend = None
        self.proxies = {}
        pin = not options.no_pin and (os.cpu_count() or 1) > max(options.proxy_cpu, options.load_cpu)
        self.load_cpu = options.load_cpu if pin else None
        self.proxy_cpu = options.proxy_cpu if pin else None
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (65536 if hard == resource.RLIM_INFINITY else min(65536, hard), hard))
        self.make_payloads()

    def make_payloads(self):
        """Bodies with gRPC's five bytes in front; what the backend answers is a file whose name is the method's."""
        root = os.path.join(self.folder, "www", "bench.Echo")
        os.makedirs(root)
        for name, size in (("small", 100), ("big", MIB)):
            for path in (os.path.join(root, name), os.path.join(self.folder, name)):
                with open(path, "wb") as f:
                    f.write(b"\0" + size.to_bytes(4, "big") + bytes(size))

    def next_port(self):
        self.port = processes.free_port(self.port)
        return self.port

    def the_backend(self):
        if self.backend is None:
            port = self.next_port()
            argv = ["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", os.path.join(self.folder, "www"), "-n", "1", "-m", "1000", "-w", "24", "-W", "28",
                    "--trailer", "grpc-status: 0", str(port)]
            self.backend = Service("nghttpd", argv, port, self.load_cpu, os.path.join(self.folder, "backend.log"))
        return self.backend

    def proxy(self, name, peer, cert="ecdsa", mtls=False, fresh=False):
        key = (name, cert, mtls)
        if not fresh and key in self.proxies:
            return self.proxies[key]
        work = tempfile.mkdtemp(prefix=name + "-", dir=self.folder)
        os.chmod(work, 0o755)
        os.chmod(self.folder, 0o755)  # some peers give up root before they write
        certs = os.path.abspath(self.options.certs)
        values = {"listen": self.next_port(), "backend": self.the_backend().port, "work": work, "cert": f"{certs}/server-{cert}.crt",
                  "key": f"{certs}/server-{cert}.key", "pem": f"{certs}/server-{cert}.pem", "client_ca": f"{certs}/client-ca.crt"}
        if peer.get("conf"):
            with open(os.path.join(self.options.conf_dir, peer["conf"]), encoding="utf-8") as f:
                text = filled(f.read(), values, mtls)
            values["conf"] = os.path.join(work, peer["conf"])
            with open(values["conf"], "w", encoding="utf-8") as f:
                f.write(text)
        argv = [word.format(**values) for word in shlex.split(peer["cmd"])]
        service = Service(name, argv, values["listen"], self.proxy_cpu, os.path.join(work, "output.log"), peer.get("env"))
        if not fresh:
            self.proxies[key] = service
        return service

    def stop_proxies(self):
        while self.proxies:
            self.proxies.popitem()[1].stop()

    def stop(self):
        self.stop_proxies()
        if self.backend:
            self.backend.stop()

    # ------------------------------------------------------------ measuring

    def client(self, argv):
        return subprocess.run(processes.pinned(argv, self.load_cpu), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, text=True,
                              check=False).stdout

    def measured(self, proxy, work):
        """Runs work() and adds the CPU time of proxy, backend and client and the proxy's peak memory to what it returns."""
        proxy_pids, backend_pids = proxy.pids() if proxy else [], self.the_backend().pids()
        processes.reset_peak(proxy_pids)

        def clocks():
            own = resource.getrusage(resource.RUSAGE_CHILDREN)
            return processes.cpu_seconds(proxy_pids), processes.cpu_seconds(backend_pids), own.ru_utime + own.ru_stime
        before = clocks()
        record = work()
        time.sleep(0.15)  # the last frames and the closes are work too
        spent = [b - a for a, b in zip(before, clocks())]
        record.update(proxy_cpu=spent[0], backend_cpu=spent[1], client_cpu=spent[2], peak_kib=processes.memory_kib(proxy_pids, "VmHWM"))
        return record

    def h2load(self, url, c, m, n, request, body, authorization=AUTHORIZATION, extra=()):
        """body: how many bytes an answer has. A gRPC refusal is HTTP 200 without a body, so only the bytes tell it from an answer."""
        log = os.path.join(self.folder, "h2load.log")
        if os.path.exists(log):
            os.unlink(log)
        argv = ["h2load", "-t1", f"-c{c}", f"-m{m}", f"-n{n}", "--tls13-ciphers=" + SUITE, "-H", "content-type: application/grpc",
                "-H", "te: trailers", "-d", os.path.join(self.folder, request), "--log-file=" + log, *extra]
        out = self.client(argv + (["-H", authorization] if authorization else []) + [url])
        took = re.search(r"finished in ([\d.]+)(us|ms|s|m)", out)
        done = re.search(r"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded", out)
        data = re.search(r"\((\d+)\) data", out)
        if not took or not done or not data:
            return {**NOTHING, "failed": n, "error": "h2load says: " + out[-300:]}
        seconds = float(took.group(1)) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[took.group(2)]
        ok = min(int(done.group(1)), int(data.group(1)) // body)
        record = {"units": ok, "failed": n - ok, "seconds": seconds}
        if int(data.group(1)) != n * body:
            record["error"] = f"{data.group(1)} bytes of answers instead of {n * body}: refused, or not the backend's"
        with open(log, encoding="ascii") as f:
            latencies = sorted(int(line.split("\t")[2]) for line in f)
        if latencies:
            record.update(p50_us=latencies[len(latencies) // 2], p99_us=latencies[int(len(latencies) * 0.99)])
        return record

    def tlsload(self, *argv):
        out = self.client(["tlsload", *map(str, argv)])
        try:
            return json.loads(out.strip().splitlines()[-1])
        except (ValueError, IndexError):
            return {**NOTHING, "failed": 1, "error": "tlsload says: " + out[-300:]}

    # ------------------------------------------------------------ scenarios

    def rpc(self, name, peer, c=1, m=1, n=1000, request="small", answer="small", gib=False, same_cpu=False, extra=()):
        n = max(c * m, int(n * self.options.scale))
        body = 5 + (MIB if answer == "big" else 100)
        if name == "direct":
            proxy, url = None, f"http://127.0.0.1:{self.the_backend().port}/bench.Echo/{answer}"
        else:
            proxy = self.proxy(name, peer)
            url = f"https://127.0.0.1:{proxy.port}/bench.Echo/{answer}"
            if not proxy.warm:
                refused = self.warm_up(peer, url, request, body)
                if refused:
                    return {**NOTHING, "failed": n, "error": refused}
                proxy.warm = True
            if same_cpu:
                proxy.pin(self.load_cpu)
        try:
            record = self.measured(proxy, lambda: self.h2load(url, c, m, n, request, body, extra=extra))
        finally:
            if proxy and same_cpu:
                proxy.pin(self.proxy_cpu)
        if gib:
            record["units"] = record["units"] / 1024
        return record

    def warm_up(self, peer, url, request, body):
        """What is wrong with the proxy, or nothing. With --door2 the one under test has to refuse a wrong and a missing credential."""
        first = self.h2load(url, 1, 1, 20, request, body)
        if first.get("error"):
            return first["error"]
        if self.options.door2 and peer.get("subject"):
            for wrong in (None, WRONG_AUTHORIZATION):
                if self.h2load(url, 1, 1, 5, request, body, authorization=wrong)["units"]:
                    return f"it passes {wrong or 'a call without a credential'}"
        return None

    def handshakes(self, name, peer, cert="ecdsa", mtls=False, resume=False, n=2000):
        proxy = self.proxy(name, peer, cert, mtls)
        argv = ["hs", proxy.port, "-n", int(n * self.options.scale), "-t", 8] + (["-r"] if resume else [])
        if mtls:
            argv += ["-C", os.path.join(self.options.certs, "client.crt"), "-K", os.path.join(self.options.certs, "client.key")]
        record = self.measured(proxy, lambda: self.tlsload(*argv))
        if resume and record.get("resumed", 0) < 0.95 * record["units"]:
            record["error"] = f"only {record.get('resumed')} of {record['units']} resumed"
        return record

    def idle(self, name, peer, connections=2000):
        connections = int(connections * self.options.scale)
        proxy = self.proxy(name, peer, fresh=True)
        try:
            self.held(proxy, 10, lambda: None)  # what is allocated once is no connection's
            time.sleep(0.5)
            before = processes.memory_kib(proxy.pids())
            measured = {}

            def at_rest():
                time.sleep(self.options.idle_settle)
                measured["rss_idle_kib"], cpu = processes.memory_kib(proxy.pids()), processes.cpu_seconds(proxy.pids())
                time.sleep(1)
                measured["idle_cpu_ms_per_s"] = (processes.cpu_seconds(proxy.pids()) - cpu) * 1e3
            opened, still_open = self.held(proxy, connections, at_rest)
            time.sleep(1)
            ok = min(opened["ok"], still_open)
            return {**NOTHING, "units": ok, "failed": connections - ok, "seconds": opened["seconds"], **measured, "rss_before_kib": before,
                    "rss_after_kib": processes.memory_kib(proxy.pids()), "kib_per_connection": (measured["rss_idle_kib"] - before) / ok if ok else None}
        finally:
            proxy.stop()

    def held(self, proxy, connections, meanwhile):
        """Calls meanwhile() while so many connections are open; how many could be opened, and how many were open to the end."""
        argv = processes.pinned(["tlsload", "idle", str(proxy.port), "-c", str(connections)], self.load_cpu)
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            line = client.stdout.readline()
            opened = json.loads(line[6:]) if line.startswith("READY") else {"ok": 0, "seconds": 0}
            meanwhile()
            client.stdin.close()
            line = client.stdout.readline()
            return opened, int(line[5:]) if line.startswith("OPEN") else 0
