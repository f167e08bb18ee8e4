#!/usr/bin/env python3
"""Starts the real Milvus 2.3.5 of the `milvus` wheel, prints `started PORT` when it serves, and stops it with itself.

start_milvus.py DIR [key=value …]     for example authorization_enabled=true super_users=root tls_mode=2 server_pem_path=… server_key_path=…
Run it with the Python of the virtual environment that has the wheel. The log of Milvus is in DIR/logs.

Milvus keeps its etcd on 127.0.0.1:2379 and :2380 whatever else is there, and opens other ports on all addresses. So where the system
lets us, Milvus gets a network of its own, in which it can clash with nothing and nobody can reach it, and PORT is a relay into it: a
socket belongs to the network in which it was made, so one that listens outside can be served from the inside. Where that is not
allowed Milvus runs in the open, and `started PORT` is its own port.
"""
import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from support.pump import pump

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def enter_own_network() -> bool:
    """A new network namespace with a working loopback; False where the system does not allow it."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNET) != 0:
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            return False
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    # ifr_name, ifr_flags: IFF_UP and IFF_RUNNING on the loopback, without needing iproute2
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))
    return True


def serve(outside: socket.socket, port: int):
    def joined(client: socket.socket):
        with client, socket.socket() as server:
            try:
                server.connect(("127.0.0.1", port))
            except OSError:
                return
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join()

    while True:
        client, _ = outside.accept()
        threading.Thread(target=joined, args=(client,), daemon=True).start()


def await_proxy(port: int, tls: bool):
    """Healthy comes a moment before the proxy answers. Where it wants certificates we have none to show: a pause has to do."""
    if tls:
        return time.sleep(1)
    from pymilvus import connections, utility

    for _ in range(60):
        try:
            connections.connect("ready", host="127.0.0.1", port=port, user="root", password="Milvus", timeout=2)
            utility.list_collections(using="ready", timeout=2)
            return connections.disconnect("ready")
        except Exception:  # whatever it says: it is not ready
            time.sleep(0.2)
    sys.exit("milvus' proxy does not answer")


def main():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    outside = socket.create_server(("127.0.0.1", 0))
    own_network = enter_own_network()

    from milvus import MilvusServer

    server = MilvusServer(debug=True, wait_for_started=False)
    server.set_base_dir(sys.argv[1])
    for setting in sys.argv[2:]:
        key, value = setting.split("=", 1)
        if key == "super_users":  # stands in the wheel's template as a comment, which its `set` does not reach
            server.config.template_text = server.config.template_text.replace("# superUsers: root", f"superUsers: {value}")
            continue
        server.config.set(key, value == "true" if value in ("true", "false") else int(value) if value.isdigit() else value)

    def stop(*_):
        left_behind = f"/tmp/milvus/server_id_{server.server_proc.pid}" if server.server_proc else ""
        server.stop()
        if os.path.exists(left_behind):
            os.unlink(left_behind)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.start()
    health = f"http://127.0.0.1:{server.webservice_port}/healthz"
    for _ in range(600):
        if server.server_proc.poll() is not None:
            sys.exit(f"milvus ended with {server.server_proc.returncode}: is 2379 or 2380 taken?")
        try:
            if b"OK" in urllib.request.urlopen(health, timeout=2).read():
                break
        except OSError:
            pass
        time.sleep(0.1)
    else:
        server.stop()
        sys.exit("milvus is not healthy after 60 s")
    await_proxy(server.listen_port, any(setting.startswith("tls_mode=") for setting in sys.argv[2:]))
    if own_network:
        threading.Thread(target=serve, args=(outside, server.listen_port), daemon=True).start()
        print("started", outside.getsockname()[1], flush=True)
    else:
        outside.close()
        print("started", server.listen_port, flush=True)
    while server.server_proc.poll() is None:
        time.sleep(0.5)  # not wait(): its lock would be held when the signal's handler waits for the same child
    sys.exit("milvus ended")


if __name__ == "__main__":
    main()
