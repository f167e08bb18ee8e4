"""What the clients of Milvus say to a server: by fault and host, as text, which is empty where they take its certificate."""

import json
import os
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from socket import create_connection

import grpc

from support.faulty_servers import NAMES, FaultyServers
from support.grpc_clients import GOOD, JAVA, NODE, GrpcClient
from support.paths import CLIENTS, CLIENT_SOURCES
from support.program import Sallyport, configuration, surroundings

ECHO = "/any.Service/Echo"


def targets(servers: FaultyServers) -> dict:
    """(fault, host) of each `host:port`."""
    return {f"{host}:{port}": (fault, host) for fault, port in servers.ports.items() for host in NAMES}


def _words_of(command, servers, **environment):
    ran = subprocess.run([*map(str, command), str(servers.ca), *targets(servers)], capture_output=True, text=True, timeout=60, env=os.environ | environment)
    said = {line["target"]: line["said"] for line in map(json.loads, ran.stdout.splitlines())}
    assert said.keys() == targets(servers).keys(), ran.stderr[-2000:]
    return {which: said[target] for target, which in targets(servers).items()}


def java(servers) -> dict:
    return _words_of([*JAVA, "-cp", f"{CLIENTS}/java/lib/*", CLIENT_SOURCES / "words" / "Words.java"], servers)


def node(servers) -> dict:
    return _words_of([NODE, CLIENT_SOURCES / "words" / "words.js"], servers, NODE_PATH=str(CLIENTS / "js" / "node_modules"))


def go(servers) -> dict:
    running = {(fault, host): GrpcClient("grpc-go", servers.ports[fault], servers.folder, surroundings(), host) for fault, host in targets(servers).values()}
    calls = {which: client.start("unary", ECHO, "words") for which, client in running.items()}
    said = {which: client.ended(calls[which])["details"] for which, client in running.items()}
    for client in running.values():
        client.finish()
    return said


def _detail(call) -> str:
    error = call.exception()
    return error.details() if error else ""


def pymilvus(servers) -> dict:
    """grpcio, as pymilvus uses it."""
    credentials = grpc.ssl_channel_credentials(servers.ca.read_bytes())
    channels = {which: grpc.secure_channel(target, credentials) for target, which in targets(servers).items()}
    calls = {which: channel.unary_unary(ECHO).future(b"words", timeout=15) for which, channel in channels.items()}
    said = {which: _detail(call) for which, call in calls.items()}
    for channel in channels.values():
        channel.close()
    return said


def rest(servers) -> dict:
    """Python's ssl, set as urllib3 2 sets it."""
    context = ssl.create_default_context(cafile=servers.ca)
    context.hostname_checks_common_name = False

    def ask(which):
        fault, host = which
        try:
            with create_connection((host, servers.ports[fault]), timeout=15) as plain, context.wrap_socket(plain, server_hostname=host):
                return ""
        except ssl.SSLError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        return dict(zip(targets(servers).values(), pool.map(ask, targets(servers).values())))


def sallyport(servers) -> dict:
    """A program with each of the servers as a backend with TLS; what its log says when a call cannot reach it."""
    ours = {f"{fault}, {host}".replace(" ", "-").replace(",", ""): (fault, host) for fault, host in targets(servers).values()}
    backends = [{"name": name, "endpoints": [f"127.0.0.1:{servers.ports[fault]}"], "rest": "off", "tls": {"ca": str(servers.ca), "server_name": host}}
                for name, (fault, host) in ours.items()]
    listeners = [{"name": name, "address": "127.0.0.1:0", "backend": name} for name in ours]
    program = Sallyport(servers.folder, configuration(servers.folder, backends) | {"listeners": listeners})
    said = {}
    for name, which in ours.items():
        with grpc.insecure_channel(f"127.0.0.1:{program.ports[name]}") as channel:
            call = channel.unary_unary("/milvus.proto.milvus.MilvusService/GetVersion").future(b"", timeout=15, metadata=[("authorization", GOOD)])
            said[which] = program.wait_event("backend_unreachable", backend=name)["reason"] if _detail(call) else ""
    program.finish()
    return said


CLIENTS_OF_MILVUS = {"pymilvus": pymilvus, "pymilvus over REST": rest, "Go": go, "Node": node, "Java": java, "Sallyport": sallyport}
