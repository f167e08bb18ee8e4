#!/usr/bin/env python3
"""Compares proxies that take gRPC over TLS and pass it on in plaintext, side by side.

Every scenario is run in rounds, and within a round the proxies take turns, so that a drift of the machine's speed hits them all. The figure
that counts is the proxy's CPU time per unit of work; rates and latencies depend on the load client too. Only 127.0.0.1 is used.

  bench.py list
  bench.py run --scenarios rpc-1x100,rpc-64x10 --proxies nghttpx,nginx,haproxy --rounds 7 --json result.json
  bench.py run … --door2 --proxy sallyport --conf sallyport.yaml --cmd 'build/sallyport run -c {conf}' --ref nghttpx
  bench.py table result.json --ref nghttpx

A proxy is described in peers.json or on the command line: `cmd` starts it in the foreground, `conf` is its configuration under conf/ with
places for what changes (see scenarios.filled); {conf} {listen} {backend} {cert} {key} {pem} {client_ca} {work} in `cmd` are replaced.
"""
import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys

import report
from scenarios import NOTHING, SCENARIOS, Bench, cost

HERE = os.path.dirname(os.path.abspath(__file__))
MADE = os.path.join(os.path.dirname(HERE), "build", "bench")


def peers_of(options):
    with open(os.path.join(HERE, "peers.json"), encoding="utf-8") as f:
        peers = json.load(f)
    if getattr(options, "proxy", None):
        peers[options.proxy] = {"cmd": options.cmd, "conf": options.conf, "subject": True}
    peers["direct"] = {}
    for spec in options.lib:
        label, _, folder = spec.partition("=")
        for name in [n for n in peers if "@" not in n and n != "direct"]:
            peers[f"{name}@{label}"] = {**peers[name], "env": {"LD_LIBRARY_PATH": os.path.abspath(folder)}}
    return peers


def chosen(what, names, known):
    unknown = [n for n in names if n not in known]
    if unknown:
        sys.exit(f"unknown {what}: " + ", ".join(unknown))
    return names


def round_of(bench, scenario, name, peer):
    method, arguments = SCENARIOS[scenario][:2]
    try:
        record = getattr(bench, method)(name, peer, **arguments)
    except (RuntimeError, subprocess.TimeoutExpired, OSError) as e:
        return {**NOTHING, "error": str(e)}, True
    if record["failed"] > 0.01 * (record["failed"] + record["units"]) and not record.get("error"):
        record["error"] = f"{record['failed']} of them failed"
    return record, False


def progress(record):
    value = cost(record)
    figure = f"{value:10.3f} {SCENARIOS[record['scenario']][2]}" if value is not None else "failed: " + record.get("error", "")[-200:]
    print(f"{record['scenario']:13} round {record['round'] + 1} {record['proxy']:12} {figure}", file=sys.stderr, flush=True)


def run(options):
    peers = peers_of(options)
    names = [n for n in options.proxies.split(",") if n] + ([options.proxy] if options.proxy else [])
    chosen("proxies", names, peers)
    scenarios = chosen("scenarios", list(SCENARIOS) if options.scenarios == "all" else options.scenarios.split(","), SCENARIOS)
    os.environ["PATH"] = os.pathsep.join(options.bin_dir + [os.environ["PATH"]])
    missing = [n for n in names if n != "direct" and not shutil.which(shlex.split(peers[n]["cmd"])[0])]
    if missing:
        sys.exit("not installed: " + ", ".join(missing))
    bench, records, broken = Bench(options), [], set()
    try:
        for scenario in scenarios:
            for turn in range(options.rounds):
                for name in (names if turn % 2 == 0 else names[::-1]):  # every other round backwards, which cancels a steady drift
                    if name == "direct" and SCENARIOS[scenario][0] != "rpc" or (scenario, name) in broken:
                        continue
                    record, useless = round_of(bench, scenario, name, peers[name])
                    record.update(scenario=scenario, proxy=name, round=turn)
                    records.append(record)
                    progress(record)
                    if useless:
                        broken.add((scenario, name))
            bench.stop_proxies()
    finally:
        bench.stop()
        if not options.keep:
            shutil.rmtree(bench.folder, ignore_errors=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as f:
            json.dump({"records": records}, f, indent=1)
    report.tables(records, peers, options.ref)
    return 1 if any(cost(r) is None for r in records) else 0


def table(options):
    records = []
    for path in options.files:
        with open(path, encoding="utf-8") as f:
            records += json.load(f)["records"]
    report.tables(records, peers_of(options), options.ref)
    return 0


def listing(options):
    print("proxies: " + ", ".join(n for n in peers_of(options) if "@" not in n) + "\n")
    for name, (_, _, unit, what) in SCENARIOS.items():
        print(f"{name:14} {unit:15} {what}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in (("list", listing), ("run", run), ("table", table)):
        p = commands.add_parser(name)
        p.set_defaults(function=function)
        p.add_argument("--lib", action="append", default=[], metavar="LABEL=DIR", help="NAME@LABEL is NAME with the shared libraries of DIR")
        p.add_argument("--ref", help="the proxy that ratios refer to (default: the best peer)")
        if name == "table":
            p.add_argument("files", nargs="+")
        if name != "run":
            continue
        p.add_argument("--scenarios", default="rpc-1x100,rpc-64x10", help="names of `bench.py list`, or all")
        p.add_argument("--proxies", default="nghttpx,nginx,haproxy", help="names of `bench.py list`; direct is the backend without a proxy")
        p.add_argument("--rounds", type=int, default=3)
        p.add_argument("--scale", type=float, default=1.0, help="multiplies the amount of work")
        p.add_argument("--json", metavar="FILE", help="write all records there")
        p.add_argument("--proxy", metavar="NAME", help="a proxy under test beside the peers, started by --cmd")
        p.add_argument("--cmd", help="its start command")
        p.add_argument("--conf", help="its configuration under conf/")
        p.add_argument("--door2", action="store_true", help="the proxy under test must refuse a wrong and a missing credential")
        p.add_argument("--proxy-cpu", type=int, default=1)
        p.add_argument("--load-cpu", type=int, default=0)
        p.add_argument("--no-pin", action="store_true")
        p.add_argument("--base-port", type=int, default=21000)
        p.add_argument("--idle-settle", type=float, default=3.0, metavar="SECONDS")
        p.add_argument("--keep", action="store_true", help="keep the work folder with the logs of all proxies")
        p.add_argument("--certs", default=os.path.join(MADE, "certs"))
        p.add_argument("--conf-dir", default=os.path.join(HERE, "conf"))
        p.add_argument("--bin-dir", action="append", default=[os.path.join(MADE, "bin")], help="more folders with programs")
    options = parser.parse_args()
    if options.command == "run" and options.proxy and not options.cmd:
        parser.error("--proxy needs --cmd")
    return options.function(options)


if __name__ == "__main__":
    sys.exit(main())
