#!/usr/bin/env python3
"""Compares proxies that take gRPC or bytes over TLS and pass them on in plaintext, side by side.

Every scenario is run in rounds, and within a round the proxies take turns, so that a drift of the machine's speed hits them all. The figure
that counts is the proxy's CPU time per unit of work; rates and latencies depend on the load client too. Only 127.0.0.1 is used.

  bench.py list
  bench.py run --scenarios rpc-1x100,rpc-64x10 --proxies nghttpx,nginx,haproxy --rounds 7 --json result.json
  bench.py run … --door2 --proxy sallyport --conf h2=sallyport.yaml --conf tcp=sallyport-tcp.yaml --cmd 'build/sallyport run -c {conf}'
  bench.py table result.json --details

A proxy is described in peers.json or on the command line: `cmd` starts it in the foreground, `conf` is its configuration under conf/ for each
protocol, with places for what changes (see measuring.filled); {conf} {listen} {backend} {cert} {key} {pem} {client_ca} {work} in `cmd` are replaced.
"""
import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time

import about
import report
from measuring import NOTHING, Bench
from scenarios import SCENARIOS, cost

HERE = os.path.dirname(os.path.abspath(__file__))
MADE = os.path.join(os.path.dirname(HERE), "build", "bench")
ALL = [name for name in SCENARIOS if name not in ("rpc-1x1", "hs-rsa")]  # what the rows are made of


def peers_of(options):
    with open(os.path.join(HERE, "peers.json"), encoding="utf-8") as f:
        peers = json.load(f)
    if options.proxy:
        peers[options.proxy] = {"cmd": options.cmd, "conf": dict(spec.split("=", 1) for spec in options.conf), "subject": True}
    for peer in peers.values():
        if options.openssl:
            peer["env"] = {"LD_LIBRARY_PATH": os.path.abspath(options.openssl)}
    return peers


def chosen(what, names, known):
    unknown = [n for n in names if n not in known]
    if unknown:
        sys.exit(f"unknown {what}: " + ", ".join(unknown))
    return names


def taking_part(scenario, names, peers):
    """Who has a configuration for the scenario's protocol; what is not a proxy's work is measured once."""
    protocol = SCENARIOS[scenario].protocol
    if protocol == "none":
        return [name for name in names if peers[name].get("subject")]
    return [name for name in names if protocol in peers[name].get("conf", {})] + (["direct"] if SCENARIOS[scenario].direct else [])


def planned(scenarios, names, peers, rounds):
    """(scenario, round, proxy) in the order of the run: every other round backwards, which cancels a steady drift."""
    for scenario in scenarios:
        line = taking_part(scenario, names, peers)
        for turn in range(min(rounds, SCENARIOS[scenario].most_rounds)):
            for name in (line if turn % 2 == 0 else line[::-1]):
                yield scenario, turn, name


def measured(bench, scenario, turn, name, peer):
    try:
        record = getattr(bench, SCENARIOS[scenario].method)(name, peer, **SCENARIOS[scenario].arguments)
    except (RuntimeError, subprocess.TimeoutExpired, OSError) as e:
        record = {**NOTHING, "error": str(e)}
    if record["failed"] > 0.01 * (record["failed"] + record["units"]) and not record.get("error"):
        record["error"] = f"{record['failed']} of them failed"
    return {**record, "scenario": scenario, "proxy": name, "round": turn}


def progress(record, done, of, began):
    value, unit = cost(record), SCENARIOS[record["scenario"]].unit
    figure = f"{value:10.3f} {unit}" if value is not None else "failed: " + " ".join(record.get("error", "").split())[-200:]
    took = time.monotonic() - began
    print(f"[{done}/{of}, {took:.0f} s, {took / done * (of - done):.0f} s left] {record['scenario']:15} round {record['round'] + 1} "
          f"{record['proxy']:10} {figure}", file=sys.stderr, flush=True)


def all_records(bench, options, scenarios, names, peers):
    plan = list(planned(scenarios, names, peers, options.rounds))
    records, broken, began, before = [], set(), time.monotonic(), None
    if options.door2:
        bench.check_the_check()
    try:
        for number, (scenario, turn, name) in enumerate(plan, 1):
            if scenario != before:
                bench.stop_proxies()
                before = scenario
            if (scenario, name) in broken:
                continue
            records.append(measured(bench, scenario, turn, name, peers.get(name, {})))
            progress(records[-1], number, len(plan), began)
            if cost(records[-1]) is None:
                broken.add((scenario, name))
    except KeyboardInterrupt:
        print("stopped; what was measured follows", file=sys.stderr)
    return records


def run(options):
    os.environ["PATH"] = os.pathsep.join(options.bin_dir + [os.environ["PATH"]])
    peers = peers_of(options)
    names = chosen("proxies", [n for n in options.proxies.split(",") if n] + ([options.proxy] if options.proxy else []), peers)
    scenarios = chosen("scenarios", ALL if options.scenarios == "all" else options.scenarios.split(","), SCENARIOS)
    if options.quick:
        options.rounds, options.scale, options.idle_settle = 1, options.scale * 0.5, 1.0
    missing = [n for n in names if not shutil.which(shlex.split(peers[n]["cmd"])[0])]
    if missing:
        sys.exit("not installed: " + ", ".join(missing))
    bench = Bench(options)
    try:
        records = all_records(bench, options, scenarios, names, peers)
    finally:
        bench.stop()
        if not options.keep:
            shutil.rmtree(bench.folder, ignore_errors=True)
    results = report.rows(records, options.proxy)
    facts = about.facts({name: peers[name] for name in names}, options)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as f:
            json.dump({"about": facts, "rows": results, "records": records}, f, indent=1)
    show([about.line(facts)], results, records, options.proxy, options.details)
    return 1 if any(cost(r) is None for r in records) else 0


def show(lines, results, records, subject, details):
    print("\n" + "\n\n".join(lines) + "\n")
    report.rows_table(results, subject)
    if details:
        report.details(records, subject)


def table(options):
    """From the records alone: what a file says of the rows is not believed. Several files are runs of different scenarios."""
    made = []
    for path in options.files:
        with open(path, encoding="utf-8") as f:
            made.append(json.load(f))
    records = [record for one in made for record in one["records"]]
    lines = sorted({about.line(one["about"]) for one in made})
    subject = made[0]["about"]["subject"]
    show(lines, report.rows(records, subject), records, subject, options.details)
    return 0


def listing(_options):
    with open(os.path.join(HERE, "peers.json"), encoding="utf-8") as f:
        print("proxies: " + ", ".join(json.load(f)) + "\n")
    for name, scenario in SCENARIOS.items():
        print(f"{name:16} {scenario.unit:15} {scenario.what}")
    return 0


def add_run_options(p):
    p.add_argument("--scenarios", default="all", help="names of `bench.py list`; all: those that have a row in the table")
    p.add_argument("--proxies", default="nghttpx,nginx,haproxy,hitch", help="names of `bench.py list`")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--quick", action="store_true", help="one round of half the work: to see that all of it works, not to quote")
    p.add_argument("--scale", type=float, default=1.0, help="multiplies the amount of work")
    p.add_argument("--json", metavar="FILE", help="write rows and records there")
    p.add_argument("--details", action="store_true", help="print a table of each scenario as well")
    p.add_argument("--proxy", metavar="NAME", help="the proxy under test, started by --cmd")
    p.add_argument("--cmd", help="its start command")
    p.add_argument("--conf", action="append", default=[], metavar="h2=FILE|tcp=FILE", help="its configuration under conf/ for a protocol")
    p.add_argument("--door2", action="store_true", help="the proxy under test must refuse a wrong and a missing credential")
    p.add_argument("--micro", metavar="FILE", help="the program of the micro-benchmarks, for the scenario `token`")
    p.add_argument("--openssl", metavar="DIR", help="run all proxies with the shared libraries of this folder")
    p.add_argument("--proxy-cpu", type=int, default=1)
    p.add_argument("--load-cpu", type=int, default=0)
    p.add_argument("--no-pin", action="store_true")
    p.add_argument("--base-port", type=int, default=21000)
    p.add_argument("--idle-settle", type=float, default=2.0, metavar="SECONDS")
    p.add_argument("--keep", action="store_true", help="keep the work folder with the logs of all proxies")
    p.add_argument("--certs", default=os.path.join(MADE, "certs"))
    p.add_argument("--conf-dir", default=os.path.join(HERE, "conf"))
    p.add_argument("--bin-dir", action="append", default=[os.path.join(MADE, "bin")], help="more folders with programs")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list").set_defaults(function=listing)
    p = commands.add_parser("run")
    p.set_defaults(function=run)
    add_run_options(p)
    p = commands.add_parser("table")
    p.set_defaults(function=table)
    p.add_argument("files", nargs="+", help="of --json; several: runs of different scenarios")
    p.add_argument("--details", action="store_true", help="print a table of each scenario as well")
    options = parser.parse_args()
    if options.command == "run" and options.proxy and not options.cmd:
        parser.error("--proxy needs --cmd")
    return options.function(options)


if __name__ == "__main__":
    sys.exit(main())
