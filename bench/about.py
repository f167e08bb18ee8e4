"""What has to be said beside a figure: the machine, the programs and their versions, the amount of work."""
import datetime
import os
import platform
import re
import shlex
import subprocess

VERSION_OF = {"nghttpx": ("-v", r"nghttp2/(\S+)"), "nginx": ("-v", r"nginx/(\S+)"), "haproxy": ("-v", r"version (\S+)"),
              "envoy": ("--version", r"/(\d[\d.]+)/"), "hitch": ("-V", r"hitch (\S+)"), "sallyport": ("version", r"sallyport (\S+)")}


def said(argv, env=None):
    try:
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20, env={**os.environ, **(env or {})},
                              check=False).stdout
    except OSError:
        return ""


def version_of(peer):
    program = shlex.split(peer["cmd"])[0]
    how, pattern = VERSION_OF.get(os.path.basename(program), ("--version", r"(\d+\.\d[\w.-]*)"))
    found = re.search(pattern, said([program, how], peer.get("env")))
    return found.group(1).rstrip(",") if found else "?"


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        found = re.search(r"model name\s*:\s*(.*)", f.read())
    return found.group(1) if found else platform.machine()


def openssl_version(options):
    env = {"LD_LIBRARY_PATH": os.path.abspath(options.openssl)} if options.openssl else None
    found = re.search(r"Library: (OpenSSL \S+)", said(["openssl", "version"], env)) or re.match(r"(OpenSSL \S+)", said(["openssl", "version"], env))
    return found.group(1) if found else "?"


def commit():
    return said(["git", "-C", os.path.dirname(os.path.abspath(__file__)), "describe", "--always", "--dirty"]).strip() or "unknown"


def facts(peers, options):
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), "commit": commit(), "subject": options.proxy,
            "cpu": cpu_model(), "cpus": os.cpu_count(), "kernel": platform.release(), "openssl": openssl_version(options),
            "versions": {name: version_of(peer) for name, peer in peers.items()}, "rounds": options.rounds, "scale": options.scale,
            "pinned": not options.no_pin and (os.cpu_count() or 1) > max(options.proxy_cpu, options.load_cpu)}


def line(made):
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    return (f"{made['date']}, commit {made['commit']}; {made['cpu']}, {made['cpus']} CPUs, Linux {made['kernel']}, {made['openssl']}; {versions}; "
            f"{made['rounds']} rounds, work times {made['scale']:g}" + ("" if made["pinned"] else "; NOT PINNED: load and proxy share their CPUs"))
