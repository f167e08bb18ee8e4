#!/usr/bin/env python3
"""How the cost of a call grows with connections, users and endpoints: writes docs/growth.md and the plots beside it.

Calls are the small ones of bench.py, over connections that stand already, so that no handshake is in the figure. The points of a curve take
turns in rounds, as the proxies of bench.py do.
"""
import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time

import about
import plot
import processes
import bench as comparison
from measuring import Bench, Held
from report import number, spread

HERE = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(os.path.dirname(HERE), "docs")
CONNECTIONS = (1, 10, 100, 1000, 5000)
USERS = (1, 10, 100, 1000, 10000, 100000)
ENDPOINTS = (1, 2, 4, 8)
MANY = 64  # calls under way
TOKENS = (1, 100, 10000, 100000)  # those of the micro-benchmark
BCRYPT = "$2a$04$/OK.fbVrR/bpIqNJ5ianF.KR5.PHAK3GlP3WDkvsl1WRNCvU7DCVK"  # of nobody's password here; it is never asked for


def add_users(program, conf, store, count):
    """root is made by the program itself; the others are written into its file while it is not running."""
    with subprocess.Popen([program, "run", "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        end = time.monotonic() + 15
        while not os.path.exists(store) and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.2)
        first.terminate()
    with sqlite3.connect(store) as file:
        file.executemany("INSERT INTO users VALUES(CAST(? AS BLOB), ?, x'', ?, 0, 0)", ((f"user{i}", BCRYPT, 1000 + i) for i in range(1, count)))
        file.execute("UPDATE counter SET last_version = ?", (1000 + count,))
    file.close()


class Growth:
    def __init__(self, options):
        self.options = options
        self.bench = Bench(options)
        self.peer = {"cmd": options.cmd, "conf": dict(spec.split("=", 1) for spec in options.conf), "subject": True}
        self.done = 0

    def say(self, curve, x, turn, text):
        self.done += 1
        print(f"[{self.done}] {curve:12} {x:7} round {turn + 1}  {text}", file=sys.stderr, flush=True)

    def calls(self, proxy, connections):
        """CPU a call, one at a time and of 64 that are under way at all times, and memory a connection."""
        pids = proxy.pids()
        before = processes.memory_kib(pids)
        with Held(self.bench, proxy, connections, min(connections, 8) if connections > 1 else 1) as held:
            if held.opened["failed"]:
                raise RuntimeError(f"{held.opened['failed']} of {connections} connections failed")
            time.sleep(0.3)
            found = {"connection_kib": (processes.memory_kib(pids) - before) / connections} if connections >= 100 else {}  # of fewer it is pages that are counted
            for name, together in (("one_us", 1), ("many_us", MANY)):
                count = max(1, self.options.calls // MANY) * (MANY if together > 1 else MANY // 4)
                if together == 1:  # else it would be the time that a CPU takes to wake another up
                    proxy.pin(self.bench.load_cpu)
                held.call(count, together)  # every connection's buffers have their size, and every connection to the backend stands
                record = self.bench.measured(proxy, lambda: held.call(count, together))
                proxy.pin(self.bench.proxy_cpu)
                if record["failed"]:
                    raise RuntimeError(f"{record['failed']} of {count} calls failed: {record.get('error', '')}")
                found[name] = record["proxy_cpu"] / count * 1e6
        return found

    def one(self, connections=64, **how):
        proxy = self.bench.proxy(self.options.proxy, self.peer, fresh=True, **how)
        try:
            self.bench.guarded(proxy, self.peer)
            with Held(self.bench, proxy, 10):
                pass  # what is allocated once is no connection's
            time.sleep(0.3)
            idle = processes.memory_kib(proxy.pids()) / 1024
            return {"process_mib": idle, **self.calls(proxy, connections)}
        finally:
            proxy.stop()

    def curve(self, name, points, measure):
        """{x: [a record a round]}: every other round backwards."""
        found = {x: [] for x in points}
        for turn in range(self.options.rounds):
            for x in (points if turn % 2 == 0 else points[::-1]):
                record = measure(x)
                found[x].append(record)
                self.say(name, x, turn, "  ".join(f"{key} {value:.2f}" for key, value in record.items()))
        return found

    def users(self, count):
        def fill(argv, values):
            add_users(argv[0], values["conf"], os.path.join(values["work"], "users.db"), count)
        return self.one(before_start=fill)

    def tokens(self):
        """The micro-benchmark: checks of N users' tokens in random order, all of them verified before."""
        out = subprocess.run(processes.pinned([self.options.micro, "--benchmark_filter=^token_check/", "--benchmark_format=json",
                                               f"--benchmark_repetitions={self.options.rounds}"], self.bench.proxy_cpu),
                             stdout=subprocess.PIPE, timeout=300, text=True, check=True).stdout
        found = {x: [] for x in TOKENS}
        for made in json.loads(out)["benchmarks"]:
            if made["run_type"] == "iteration":
                found[int(made["name"].split("/")[1])].append({"p50_ns": made["p50_ns"], "p99_ns": made["p99_ns"]})
        return found

    def measured(self):
        options = self.options
        wanted = options.curves.split(",")
        curves = {}
        if "connections" in wanted:
            curves["connections"] = self.curve("connections", CONNECTIONS, lambda x: self.one(connections=x))
        if "users" in wanted:
            curves["users"] = self.curve("users", USERS, self.users)
            curves["tokens"] = self.tokens()
        if "endpoints" in wanted:
            curves["endpoints"] = self.curve("endpoints", ENDPOINTS, lambda x: self.one(endpoints=x))
        return curves


# ------------------------------------------------------------ what is written

def curve_of(kept):
    return dict(kept["points"])


def line_of(curve, key):
    return [(x, spread([record[key] for record in records])) for x, records in curve.items()]


def table(head, curve, keys):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---:" for _ in head) + " |"]
    for x, records in curve.items():
        cells = [f"{x:,}"]
        for key, digits in keys:
            one = spread([record[key] for record in records if key in record])
            if one is None:
                cells.append("-")
                continue
            text = f"{one['median']:,.{digits}f}"
            cells.append(text + (f" ({one['lowest']:,.{digits}f} to {one['highest']:,.{digits}f})" if one["rounds"] > 1 else ""))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def last_to_first(curve, key):
    medians = [spread([record[key] for record in records])["median"] for records in curve.values()]
    return number(medians[-1] / medians[0])


def page(everything):
    connections, users, tokens, endpoints = (curve_of(everything[name]) for name in ("connections", "users", "tokens", "endpoints"))
    made = "\n\n".join(sorted({one["about"] for one in everything.values()}))
    rounds = len(next(iter(connections.values())))
    both = (("one_us", 1), ("many_us", 1))
    heads = ["one at a time, us a call", f"{MANY} under way, us a call"]
    return f"""# How cost grows

Made by `./dev bench growth`; no figure on this page is written by hand. One worker, both doors, small calls over connections that stand already:
one at a time with all processes on one CPU, and {MANY} under way at all times ({everything['connections']['calls']:,} calls a point, and a quarter
of that one at a time). Median of {rounds} rounds, with the lowest and the highest. Times move with the machine; what holds is the shape.

{made}

## Connections

![CPU a call by connections](growth-connections.svg)

{table(["connections"] + heads + ["memory a connection, KiB"], connections, both + (("connection_kib", 1),))}
The calls go round all connections in turn. One at a time, a call among 5,000 connections costs {last_to_first(connections, "one_us")} times what it costs on
the only one. With {MANY} under way it is {last_to_first(connections, "many_us")} times, and that is not the number of connections: on a single one {MANY} calls share a read,
a write and a wake-up, and from {MANY} on each comes alone. Memory is that of a connection after one call.

## Users

![CPU a call by users](growth-users.svg)

{table(["users in the store"] + heads + ["process, MiB"], users, both + (("process_mib", 1),))}
64 connections; one of the users calls. A token that its connection has shown before is known without a look at the store: the
last row costs {last_to_first(users, "many_us")} times the first.

![A token check by users](growth-tokens.svg)

{table(["users that call", "median check, ns", "99th percentile, ns"], tokens, (("p50_ns", 0), ("p99_ns", 0)))}
The check alone (`./dev bench micro`): that many users' tokens in random order, each on a fresh connection, so that each is looked up among
all that were verified. What grows is the way to memory: the more tokens, the fewer of them are in the processor's caches.

## Endpoints

![CPU a call by endpoints](growth-endpoints.svg)

{table(["endpoints of the backend"] + heads, endpoints, both)}
64 connections. Each call goes to the endpoint with the fewest under way. From one endpoint to eight a call costs
{last_to_first(endpoints, "one_us")} times as much one at a time, and {last_to_first(endpoints, "many_us")} times with {MANY} under way: each endpoint has connections of its own, so calls that could
have shared a write, and answers that could have shared a read, do so less often.
"""


CALLS = (("one_us", "one at a time"), ("many_us", f"{MANY} under way"))
PLOTS = (
    ("growth-connections.svg", "connections", "CPU a call, by connections", "connections", "microseconds a call", CALLS),
    ("growth-users.svg", "users", "CPU a call, by users", "users in the store", "microseconds a call", CALLS),
    ("growth-tokens.svg", "tokens", "Token check, warm, by users", "users that call", "nanoseconds", (("p50_ns", "median"), ("p99_ns", "99th percentile"))),
    ("growth-endpoints.svg", "endpoints", "CPU a call, by endpoints", "endpoints of the backend", "microseconds a call", CALLS),
)


def write(folder, everything):
    for file, curve, title, x, y, keys in PLOTS:
        lines = [(name, [(at, one["median"], one["lowest"], one["highest"]) for at, one in line_of(curve_of(everything[curve]), key)]) for key, name in keys]
        with open(os.path.join(folder, file), "w", encoding="utf-8") as f:
            f.write(plot.svg(title, x, y, lines))
    with open(os.path.join(folder, "growth.md"), "w", encoding="utf-8") as f:
        f.write(page(everything))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    comparison.add_run_options(parser)
    parser.add_argument("--calls", type=int, default=32000, help="a point")
    parser.add_argument("--curves", default="connections,users,endpoints", help="some of them; those that are not measured now are taken from the last time")
    parser.add_argument("--out", default=DOCS, metavar="DIR")
    parser.set_defaults(rounds=3, scenarios="", door2=True)
    options = parser.parse_args()
    os.environ["PATH"] = os.pathsep.join(options.bin_dir + [os.environ["PATH"]])
    made = comparison.MADE
    if options.quick:
        options.rounds, options.calls = 1, 6400
        options.out = made = os.path.join(made, "growth-quick")
        os.makedirs(made, exist_ok=True)
    growth = Growth(options)
    try:
        growth.bench.check_the_check()
        curves = growth.measured()
    finally:
        growth.bench.stop()
        shutil.rmtree(growth.bench.folder, ignore_errors=True)
    facts = about.facts({options.proxy: growth.peer}, options)
    kept = os.path.join(made, "growth.json")
    everything = {}
    if os.path.exists(kept) and not options.quick:
        with open(kept, encoding="utf-8") as f:
            everything = json.load(f)
    for name, curve in curves.items():
        everything[name] = {"about": about.line(facts), "calls": options.calls, "points": [[x, records] for x, records in curve.items()]}
    with open(kept, "w", encoding="utf-8") as f:
        json.dump(everything, f, indent=1)
    if all(name in everything for _, name, *_ in PLOTS):
        write(options.out, everything)
        print(f"written: {os.path.join(options.out, 'growth.md')} and its plots", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
