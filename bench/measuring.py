"""How one round of a scenario is run against one proxy."""
import json
import os
import pwd
import re
import resource
import shlex
import shutil
import subprocess
import tempfile
import time

import processes
from processes import Service
from scenarios import PATHS

SUITE = "TLS_AES_256_GCM_SHA384"
AUTHORIZATION = "authorization: cm9vdDpNaWx2dXM="  # base64 of root:Milvus, as Milvus' clients send it: without a scheme
WRONG_AUTHORIZATION = "authorization: cm9vdDp3cm9uZw=="
SMALL, MIB = 100, 1 << 20
NOTHING = {"units": 0, "failed": 0, "seconds": 0, "proxy_cpu": 0, "client_cpu": 0, "backend_cpu": 0, "peak_kib": 0}


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


def median_of_whole_numbers(values):
    """h2load tells whole microseconds: within the one that the median falls in, the values are taken to lie evenly."""
    values = sorted(values)
    middle = values[len(values) // 2]
    below, equal = values.index(middle), values.count(middle)
    return middle - 0.5 + (len(values) / 2 - below) / equal


class Bench:
    """The work folder and the running services of one benchmark."""

    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="sallyport-bench-")
        os.chmod(self.folder, 0o755)  # some peers give up root before they write
        self.port = options.base_port
        self.backends = {}
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
        for name, size in (("small", SMALL), ("big", MIB)):
            for path in (os.path.join(root, name), os.path.join(self.folder, name)):
                with open(path, "wb") as f:
                    f.write(b"\0" + size.to_bytes(4, "big") + bytes(size))
        for i in range(PATHS):
            os.link(os.path.join(root, "small"), os.path.join(root, f"Method{i:04}"))

    def next_port(self):
        self.port = processes.free_port(self.port)
        return self.port

    # ------------------------------------------------------------ what is started

    def backend(self, kind="grpc", number=0):
        """grpc: nghttpd, which answers a file and a grpc-status. bytes: the sink of src/."""
        if (kind, number) not in self.backends:
            port = self.next_port()
            argv = ["sink", str(port)] if kind == "bytes" else [
                "nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", os.path.join(self.folder, "www"), "-n", "1", "-m", "1000", "-w", "24", "-W", "28",
                "--trailer", "grpc-status: 0", str(port)]
            self.backends[kind, number] = Service(kind, argv, port, self.load_cpu, os.path.join(self.folder, f"{kind}-{number}.log"))
        return self.backends[kind, number]

    def proxy(self, name, peer, protocol="h2", cert="ecdsa", mtls=False, fresh=False, endpoints=1, before_start=None):
        key = (name, protocol, cert, mtls)
        if not fresh and key in self.proxies:
            return self.proxies[key]
        work = tempfile.mkdtemp(prefix=name + "-", dir=self.folder)
        os.chmod(work, 0o755)
        certs = os.path.abspath(self.options.certs)
        backends = [self.backend("bytes" if protocol == "tcp" else "grpc", i).port for i in range(endpoints)]
        values = {"listen": self.next_port(), "backend": backends[0], "work": work, "cert": f"{certs}/server-{cert}.crt",
                  "user": pwd.getpwuid(os.getuid()).pw_name, "backends": ", ".join(f'"127.0.0.1:{port}"' for port in backends), "modules": modules_of(peer),
                  "key": f"{certs}/server-{cert}.key", "pem": f"{certs}/server-{cert}.pem", "client_ca": f"{certs}/client-ca.crt"}
        conf = peer.get("conf", {}).get(protocol)
        if conf:
            with open(os.path.join(self.options.conf_dir, conf), encoding="utf-8") as f:
                text = filled(f.read(), values, mtls)
            values["conf"] = os.path.join(work, conf)
            with open(values["conf"], "w", encoding="utf-8") as f:
                f.write(text)
        argv = [word.format(**values) for word in shlex.split(peer["cmd"])]
        if before_start:
            before_start(argv, values)
        service = Service(name, argv, values["listen"], self.proxy_cpu, os.path.join(work, "output.log"), peer.get("env"))
        if not fresh:
            self.proxies[key] = service
        return service

    def stop_proxies(self):
        while self.proxies:
            self.proxies.popitem()[1].stop()

    def stop(self):
        self.stop_proxies()
        while self.backends:
            self.backends.popitem()[1].stop()

    # ------------------------------------------------------------ door 2

    def leak(self, url):
        """The credential that is passed though it is wrong or missing, or nothing."""
        for name, wrong in (("a call without a credential", None), ("a wrong credential", WRONG_AUTHORIZATION)):
            if self.h2load(url, 1, 1, 5, "small", 5 + SMALL, authorization=wrong)["units"]:
                return name
        return None

    def check_the_check(self):
        """The backend passes anything. Were that not found out, nothing would be."""
        if not self.leak(f"http://127.0.0.1:{self.backend().port}/bench.Echo/small"):
            raise RuntimeError("the check of door 2 finds nothing wrong with a backend that passes any credential")

    def guarded(self, proxy, peer):
        """Before anything that carries tokens is measured: the right one passes, and with --door2 the proxy under test turns the others away."""
        if proxy.guarded:
            return
        url = f"https://127.0.0.1:{proxy.port}/bench.Echo/small"
        first = self.h2load(url, 1, 1, 20, "small", 5 + SMALL)
        if first.get("error"):
            raise RuntimeError(first["error"])
        passed = self.leak(url) if self.options.door2 and peer.get("subject") else None
        if passed:
            raise RuntimeError(f"not measured: it lets {passed} pass")
        proxy.guarded = True

    # ------------------------------------------------------------ measuring

    def client(self, argv):
        return subprocess.run(processes.pinned(argv, self.load_cpu), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, text=True,
                              check=False).stdout

    def measured(self, proxy, work):
        """Runs work() and adds the CPU time of proxy, backends and client and the proxy's peak memory to what it returns."""
        proxy_pids = proxy.pids() if proxy else []
        backend_pids = [pid for backend in self.backends.values() for pid in backend.pids()]
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

    def h2load(self, url, c, m, n, request, body, authorization=AUTHORIZATION, extra=(), urls=None):
        """body: how many bytes an answer has. A gRPC refusal is HTTP 200 without a body, so only the bytes tell it from an answer."""
        log = os.path.join(self.folder, "h2load.log")
        if os.path.exists(log):
            os.unlink(log)
        argv = ["h2load", "-t1", f"-c{c}", f"-m{m}", f"-n{n}", "--tls13-ciphers=" + SUITE, "-H", "content-type: application/grpc",
                "-H", "te: trailers", "-d", os.path.join(self.folder, request), "--log-file=" + log, *extra]
        argv += ["-H", authorization] if authorization else []
        out = self.client(argv + (["-i", urls] if urls else [url]))
        took = re.search(r"finished in ([\d.]+)(us|ms|s|m)", out)
        done = re.search(r"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded", out)
        data = re.search(r"\((\d+)\) data", out)
        if not took or not done or not data:
            return {**NOTHING, "failed": n, "error": "h2load says: " + out[-300:]}
        seconds = float(took.group(1)) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[took.group(2)]
        ok = min(int(done.group(1)), int(data.group(1)) // body)
        record = {**NOTHING, "units": ok, "failed": n - ok, "seconds": seconds}
        if int(data.group(1)) != n * body:
            record["error"] = f"{data.group(1)} bytes of answers instead of {n * body}: refused, or not the backend's"
        with open(log, encoding="ascii") as f:
            latencies = sorted(int(line.split("\t")[2]) for line in f)
        if latencies:
            record.update(p50_us=median_of_whole_numbers(latencies), p99_us=latencies[int(len(latencies) * 0.99)])
        return record

    def tlsload(self, *argv):
        out = self.client(["tlsload", *map(str, argv)])
        try:
            return {**NOTHING, **json.loads(out.strip().splitlines()[-1])}
        except (ValueError, IndexError):
            return {**NOTHING, "failed": 1, "error": "tlsload says: " + out[-300:]}

    # ------------------------------------------------------------ scenarios

    def rpc(self, name, peer, c=1, m=1, n=1000, request="small", answer="small", gib=False, same_cpu=False, extra=(), paths=0):
        n = max(c * m, int(n * self.options.scale))
        body = 5 + (MIB if answer == "big" else SMALL)
        proxy, base, urls = None, f"http://127.0.0.1:{self.backend().port}", None
        if name != "direct":
            proxy = self.proxy(name, peer)
            self.guarded(proxy, peer)
            base = f"https://127.0.0.1:{proxy.port}"
            if same_cpu:
                proxy.pin(self.load_cpu)
        if paths:
            urls = os.path.join(self.folder, "urls")
            with open(urls, "w", encoding="ascii") as f:
                f.writelines(f"{base}/bench.Echo/Method{i:04}\n" for i in range(paths))
        url = f"{base}/bench.Echo/{answer}"
        try:
            self.h2load(url, c, m, max(20, c), request, body, extra=extra)  # connections to the backend stand, and buffers have their size
            record = self.measured(proxy, lambda: self.h2load(url, c, m, n, request, body, extra=extra, urls=urls))
        finally:
            if proxy and same_cpu:
                proxy.pin(self.proxy_cpu)
        if gib:
            record["units"] = record["units"] / 1024
        return record

    def bulk(self, name, peer, way="up", connections=1):
        proxy = self.proxy(name, peer, "tcp")
        return self.measured(proxy, lambda: self.tlsload("bulk", proxy.port, way, "-c", connections, "-m", max(8, int(512 * self.options.scale))))

    def handshakes(self, name, peer, cert="ecdsa", mtls=False, resume=False, n=2000):
        proxy = self.proxy(name, peer, cert=cert, mtls=mtls)
        argv = ["hs", proxy.port, "-n", int(n * self.options.scale), "-t", 8] + (["-r"] if resume else [])
        if mtls:
            argv += ["-C", os.path.join(self.options.certs, "client.crt"), "-K", os.path.join(self.options.certs, "client.key")]
        record = self.measured(proxy, lambda: self.tlsload(*argv))
        if resume and record.get("resumed", 0) < 0.95 * record["units"]:
            record["error"] = f"only {record.get('resumed')} of {record['units']} resumed"
        return record

    def memory(self, name, peer, connections=2000, at_once=False):
        """Resident memory for each connection that is held after one call on it, and the CPU time that opening it and calling took."""
        if not at_once:  # what a rush leaves behind depends on its size
            connections = max(10, int(connections * self.options.scale))
        proxy = self.proxy(name, peer, fresh=True)
        try:
            self.guarded(proxy, peer)
            with Held(self, proxy, 10):
                pass  # what is allocated once is no connection's
            time.sleep(0.5)
            pids = proxy.pids()
            before, cpu = processes.memory_kib(pids), processes.cpu_seconds(pids)
            processes.reset_peak(pids)
            with Held(self, proxy, connections, connections if at_once else 4) as held:
                record = {**NOTHING, **held.opened, "proxy_cpu": processes.cpu_seconds(pids) - cpu}
                time.sleep(self.options.idle_settle)
                during, cpu = processes.memory_kib(pids), processes.cpu_seconds(pids)
                time.sleep(1)
                record.update(idle_cpu_ms_per_s=(processes.cpu_seconds(pids) - cpu) * 1e3, peak_kib=processes.memory_kib(pids, "VmHWM"))
            if held.still_open < record["units"]:
                record["error"] = f"{record['units'] - held.still_open} of {record['units']} were closed"
            time.sleep(0.5)
            return {**record, "rss_before_kib": before, "rss_after_kib": processes.memory_kib(pids), "figure": (during - before) / max(1, record["units"])}
        finally:
            proxy.stop()

    def process(self, name, peer):
        proxy = self.proxy(name, peer, fresh=True)
        try:
            time.sleep(1)
            pids = proxy.pids()
            return {**NOTHING, "units": 1, "figure": processes.memory_kib(pids) / 1024, "processes": len(pids)}
        finally:
            proxy.stop()

    def token(self, _name, _peer):
        if not self.options.micro:
            raise RuntimeError("needs --micro")
        out = subprocess.run(processes.pinned([self.options.micro, "--benchmark_filter=^token_check/10000$", "--benchmark_format=json"], self.proxy_cpu),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, text=True, check=False)
        try:
            counted = json.loads(out.stdout)["benchmarks"][0]
            return {**NOTHING, "units": counted["iterations"], "figure": counted["p99_ns"] / 1e3, "p50_us": counted["p50_ns"] / 1e3,
                    "p99_us": counted["p99_ns"] / 1e3}
        except (ValueError, LookupError):
            return {**NOTHING, "failed": 1, "error": "the micro-benchmark says: " + (out.stderr + out.stdout)[-300:]}


def modules_of(peer):
    """Where nginx, whose TCP mode is a module, was unpacked or installed."""
    program = shutil.which(shlex.split(peer["cmd"])[0]) or ""
    return os.path.normpath(os.path.join(os.path.dirname(program), "..", "lib", "nginx", "modules"))


class Held:
    """Connections with one call each, held open for the length of a `with`."""

    def __init__(self, bench, proxy, connections, threads=1):
        argv = ["tlsload", "hold", proxy.port, "-c", connections, "-t", threads]
        self.client = subprocess.Popen(processes.pinned([str(word) for word in argv], bench.load_cpu), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
        self.opened = self.told("READY", {"units": 0, "failed": connections, "seconds": 0})
        self.still_open = 0

    def told(self, word, otherwise):
        line = self.client.stdout.readline()
        return json.loads(line[len(word):]) if line.startswith(word) else otherwise

    def call(self, count, together):
        """Makes so many calls, so many at a time, in turn on all connections."""
        self.client.stdin.write(f"{count} {together}\n")
        self.client.stdin.flush()
        return {**NOTHING, **self.told("DONE", {"failed": 1, "error": "tlsload has ended"})}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.stdin.close()
        self.still_open = self.told("OPEN", 0)
        self.client.stdout.close()
        self.client.wait(30)
