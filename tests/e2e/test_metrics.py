"""An operator sees on the page what the program does: true numbers in Prometheus' format, alive, ready or not, whatever strangers send.

Method: the program is run with admin.listen and asked before and after something is done to it. The page is read by a strict reader of the format of
our own (support/exposition.py), and compared with docs/metrics.md.
"""

import concurrent.futures
import contextlib
import http.client
import json
import re
import signal
import socket
import time

import pytest
import yaml

from support.backends import free_port
from support.exposition import value
from support.h2raw import DATA, Closed, Connection, frame, grpc_message, request_head, tls_context, token
from support.page import PAGE, ask, page_of, scrape, until
from support.paths import REPOSITORY
from support.program import command, configuration

ROOT = token("root:Milvus")


def hear(connection) -> bytes:
    heard = b""
    try:
        while more := connection.recv(65536):
            heard += more
    except ConnectionResetError:
        pass
    return heard


# The page


def test_the_page_is_in_the_format_and_has_what_the_paper_says(sallyport, certs):
    program = sallyport(free_port(), certs=certs, mode=2, admin=PAGE)  # with TLS, or it would say nothing of certificates
    families = scrape(page_of(program))
    paper = (REPOSITORY / "docs" / "metrics.md").read_text()
    rows = dict(re.findall(r"^\| `((?:sallyport|process)_[a-z0-9_]+)` \| ([a-z]+) \|", paper, re.M))
    assert rows == {name: family.type for name, family in families.items()}
    for family in families.values():
        assert family.help.endswith(".") and len(family.help) > 10, family.name
        assert (family.type == "counter") == family.name.endswith("_total"), family.name


def test_a_name_of_the_configuration_is_a_label_as_it_stands(sallyport):
    names = {"name": "A.b-c_9"}
    backends = [{"name": "X.y-z_0", "endpoints": [f"127.0.0.1:{free_port()}"]}]
    program = sallyport(backends, admin=PAGE, listener=names | {"backend": "X.y-z_0"})
    families = scrape(page_of(program))
    assert value(families, "sallyport_connections_open", listener="A.b-c_9") == 0
    assert value(families, "sallyport_upstream_connections", backend="X.y-z_0") == 0


def test_versions_and_the_process(sallyport):
    before = time.time()
    program = sallyport(free_port(), admin=PAGE)
    families = scrape(page_of(program))
    [(_, labels)] = families["sallyport_build_info"].samples
    code, out, _ = command("version")
    assert code == 0 and f"sallyport {dict(labels)['version']}\n" in out and dict(labels)["openssl"] in out
    assert before - 1 <= value(families, "sallyport_start_time_seconds") <= time.time()
    assert abs(value(families, "process_resident_memory_bytes") / 1024 - program.rss_kib()) < 16 * 1024
    assert 5 < value(families, "process_open_fds") < 100 < value(families, "process_max_fds")
    assert value(families, "process_cpu_seconds_total") > 0


def test_connections_are_counted_where_they_arrive(sallyport):
    settings = [{"name": name, "address": "127.0.0.1:0", "backend": "milvus"} for name in ("one", "two")]
    program = sallyport(free_port(), admin=PAGE, listeners=settings)
    page = page_of(program)
    assert value(scrape(page), "sallyport_connections_accepted_total") == 0
    clients = [Connection(("127.0.0.1", program.ports["two"])) for _ in range(5)]
    after = until(lambda: (got := scrape(page)) and value(got, "sallyport_connections_open", listener="two") == 5 and got)
    assert value(after, "sallyport_connections_accepted_total", listener="two") == 5
    assert value(after, "sallyport_connections_accepted_total", listener="one") == 0
    assert value(after, "sallyport_connections_open", listener="one") == 0
    for client in clients:
        client.close()
    after = until(lambda: (got := scrape(page)) and value(got, "sallyport_connections_open", listener="two") == 0 and got)
    assert value(after, "sallyport_connections_accepted_total", listener="two") == 5


def test_a_refused_connection_is_counted_by_the_limit(sallyport):
    program = sallyport(free_port(), admin=PAGE, limits={"connections": 2})
    page = page_of(program)
    clients = [Connection(program.address) for _ in range(2)]
    until(lambda: value(scrape(page), "sallyport_connections_open") == 2)
    for _ in range(3):
        with socket.create_connection(program.address, timeout=10) as late:
            assert hear(late) == b""
    after = scrape(page)
    assert value(after, "sallyport_connections_refused_total", reason="limits_connections") == 3
    assert value(after, "sallyport_connections_refused_total") == 3
    assert value(after, "sallyport_connections_accepted_total") == 2
    for client in clients:
        client.close()


def test_users_and_their_changes(sallyport):
    program = sallyport(free_port(), admin=PAGE)
    page = page_of(program)
    before = scrape(page)
    assert (value(before, "sallyport_users"), value(before, "sallyport_users_changes_total")) == (1, 0)
    program.secrets.add("opensesame")
    assert command("user", "add", "alice", "-c", program.file, "--password-stdin", stdin="opensesame\n")[0] == 0
    after = scrape(page)
    assert (value(after, "sallyport_users"), value(after, "sallyport_users_changes_total")) == (2, 1)
    assert command("user", "drop", "alice", "-c", program.file)[0] == 0
    after = scrape(page)
    assert (value(after, "sallyport_users"), value(after, "sallyport_users_changes_total")) == (1, 2)


def test_strangers_do_not_make_the_page_longer(sallyport):
    program = sallyport(free_port(), admin=PAGE)
    page = page_of(program)
    before = ask(page, "/metrics")[2]
    for number in range(20):
        with Connection(program.address) as client:
            client.call(f"/stranger{number}.S/M{number}", authorization=token(f"stranger{number}:word"))
        ask(page, f"/stranger{number}")
    after = ask(page, "/metrics")[2]
    assert "stranger" not in after
    assert [line.rpartition(" ")[0] for line in before.splitlines()] == [line.rpartition(" ")[0] for line in after.splitlines()]


# Alive and ready


def test_alive_ready_and_nothing_else(sallyport):
    program = sallyport(free_port(), admin=PAGE)
    page = page_of(program)
    for path in ("/livez", "/readyz"):
        status, headers, body = ask(page, path)
        assert (status, body, headers["content-type"]) == (200, "ok\n", "text/plain; charset=utf-8")
    for path in ("/", "/metrics/", "/debug/pprof", "/users", "/../metrics", "/metrics%00"):
        assert ask(page, path)[0] == 404, path
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        for path in ("/metrics", "/livez", "/readyz"):
            status, headers, _ = ask(page, path, method)
            assert (status, headers["allow"]) == (405, "GET, HEAD"), (method, path)
    status, headers, body = ask(page, "/metrics", "HEAD")
    assert status == 200 and int(headers["content-length"]) > 1000 and body == ""


def test_not_ready_while_it_drains_and_still_alive(sallyport, grpc_backend):
    backend = grpc_backend()
    program = sallyport(backend.port, admin=PAGE)
    page = page_of(program)
    with Connection(program.address) as client:
        held = client.start(request_head("/sallyport.test.Passage/Hold", authorization=ROOT), grpc_message(b"1"))
        client.until(lambda: any(frame.kind == DATA for frame in client.streams[held].frames))
        assert ask(page, "/readyz")[0] == 200
        program.send_signal(signal.SIGTERM)
        program.wait_event("draining")
        status, _, body = ask(page, "/readyz")
        assert status == 503 and body == "draining: it takes no new connections, and ends when the open requests have ended\n"
        assert ask(page, "/livez")[0] == 200
        scrape(page)
        code, out, _ = command("ctl", "status", "-c", program.file)
        assert code == 0 and "ready:       no, draining" in out
    program.finish()
    with pytest.raises(OSError):
        ask(page, "/livez")


# What strangers on this machine may do to it


def test_a_slow_head_is_cut_off_after_5_seconds(sallyport):
    page = page_of(sallyport(free_port(), admin=PAGE))
    began = time.monotonic()
    with socket.create_connection(page, timeout=20) as slow, socket.create_connection(page, timeout=20) as silent:
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ")
        heard = hear(slow)
        assert heard.startswith(b"HTTP/1.1 408 Request Timeout\r\n") and 4.5 < time.monotonic() - began < 9
        assert hear(silent) == b""
        assert time.monotonic() - began < 9


def test_a_head_of_more_than_8_kib_is_refused(sallyport):
    page = page_of(sallyport(free_port(), admin=PAGE))
    with socket.create_connection(page, timeout=20) as fat:
        fat.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + 8192 * b"x" + b"\r\n\r\n")
        assert hear(fat).startswith(b"HTTP/1.1 431 ")


def test_sixteen_at_once_and_the_next_when_one_has_gone(sallyport):
    page = page_of(sallyport(free_port(), admin=PAGE))
    held = []
    for _ in range(16):
        connection = http.client.HTTPConnection(*page, timeout=10)
        connection.request("GET", "/livez")
        assert connection.getresponse().read() == b"ok\n"  # and it is kept
        held.append(connection)
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(page, "/livez")
    held.pop().close()

    def is_served():
        try:
            return ask(page, "/livez")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    until(is_served)
    for connection in held:
        connection.request("GET", "/livez")
        assert connection.getresponse().read() == b"ok\n"
        connection.close()


def test_many_scrapes_at_once_all_get_a_whole_page(sallyport):
    page = page_of(sallyport(free_port(), admin=PAGE))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for families in pool.map(lambda _: scrape(page), range(200)):
            assert "sallyport_build_info" in families


# The configuration


def test_without_admin_listen_there_is_no_page(sallyport):
    program = sallyport(free_port())
    assert not program.events("admin_listening")


@pytest.mark.parametrize("address", ["0.0.0.0:9090", "[::]:9090", "192.0.2.1:9090", "milvus.example:9090"])
def test_an_address_that_others_reach_is_refused_and_says_why(folder, address):
    file = folder / "c.yaml"
    file.write_text(yaml.safe_dump(configuration(folder, free_port(), admin={"listen": address}), sort_keys=False))
    for verb in ("check", "run"):
        code, out, err = command(verb, "-c", file)
        assert code == 2 and f"'admin.listen' is {address}, which is not the loopback" in out + err, out + err
        assert "asks nobody for a password" in out + err and "write 127.0.0.1:9090" in out + err


def test_an_address_that_is_taken_ends_the_start(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        file = folder / "c.yaml"
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        file.write_text(yaml.safe_dump(configuration(folder, free_port(), admin={"listen": address}), sort_keys=False))
        code, _, err = command("run", "-c", file)
        assert code == 3 and f"admin.listen: cannot listen on {address}" in err, err


# sallyport ctl status


def test_status_without_the_page(sallyport):
    program = sallyport(free_port())
    clients = [Connection(program.address) for _ in range(3)]

    def status():
        code, out, err = command("ctl", "status", "-c", program.file, "--json")
        assert code == 0, err
        return json.loads(out)

    got = until(lambda: (now := status()) and now["connections"] == 3 and now)
    assert got["ready"] is True and got["why_not_ready"] == "" and got["users"] == 1 and got["workers"] >= 1
    assert 0 <= got["uptime_seconds"] < 60
    [listener] = got["listeners"]
    assert listener == {"name": "milvus", "address": f"127.0.0.1:{program.port}", "tls": False, "tokens": True, "certificate_user": False, "backend": "milvus",
                        "connections": 3, "accepted": 3, "certificates": [], "certificates_generation": 0}
    [backend] = got["backends"]
    assert backend["name"] == "milvus" and backend["connections"] == 0 and backend["waiting"] == 0
    code, out, _ = command("ctl", "status", "-c", program.file)
    assert code == 0 and "ready:       yes\n" in out and "connections: 3\n" in out
    assert f"listener milvus: 127.0.0.1:{program.port}, plaintext, tokens required, to milvus; connections: 3\n" in out
    for client in clients:
        client.close()


def test_status_where_no_server_runs(folder):
    file = folder / "c.yaml"
    file.write_text(yaml.safe_dump(configuration(folder, free_port()), sort_keys=False))
    code, out, err = command("ctl", "status", "-c", file)
    assert code == 3 and out == "" and "no server listens on" in err and "-c FILE" in err
    code, out, err = command("ctl")
    assert code == 2 and "sallyport --help" in err


# What passes, what does not


def test_each_call_is_counted_by_its_outcome_and_door_2_by_how_it_judged(sallyport, grpc_backend):
    backend = grpc_backend()
    program = sallyport(backend.port, admin=PAGE)
    page = page_of(program)
    echo = "/sallyport.test.Passage/Echo"
    with Connection(program.address) as client:
        for _ in range(3):
            assert client.call(echo, b"x", authorization=ROOT).grpc[0] == 0
        assert client.call(echo, b"x", authorization=token("root:wrong")).grpc[0] == 16
        assert client.call(echo, b"x").grpc[0] == 16
        assert client.call("/milvus.proto.milvus.MilvusService/ListCredUsers", b"", authorization=ROOT).grpc[0] == 0
        assert client.call("/milvus.proto.milvus.MilvusService/CreateRole", b"", authorization=ROOT).grpc[0] == 12
        families = scrape(page)
        counted = {(kind, outcome): value(families, "sallyport_requests_total", kind=kind, outcome=outcome)
                   for kind, outcome in (("grpc", "ok"), ("grpc", "unauthenticated"), ("grpc", "unimplemented"), ("local", "ok"))}
        assert counted == {("grpc", "ok"): 3, ("grpc", "unauthenticated"): 2, ("grpc", "unimplemented"): 1, ("local", "ok"): 1}
        judged = {how: value(families, "sallyport_auth_checks_total", result=how) for how in ("memo", "cache", "hashed", "negative", "refused", "queue_full")}
        assert judged["hashed"] == 1 and judged["refused"] == 2 and judged["memo"] + judged["cache"] == 4, judged
        assert families["sallyport_request_seconds"].samples["sallyport_request_seconds_count", frozenset({("kind", "grpc")})] == 6
        assert families["sallyport_hashing_seconds"].samples["sallyport_hashing_seconds_count", frozenset()] == 2
        assert value(families, "sallyport_upstream_connects_total", backend="milvus", result="ok") == 1
        until(lambda: value(scrape(page), "sallyport_upstream_connections", backend="milvus") == 1)
    until(lambda: value(scrape(page), "sallyport_connection_ends_total", cause="client_closed") == 1)


def test_a_backend_that_is_away_is_counted(sallyport):
    program = sallyport(free_port(), admin=PAGE)
    page = page_of(program)
    with Connection(program.address) as client:
        assert client.call("/a.b/C", b"x", authorization=ROOT).grpc[0] == 14
    families = scrape(page)
    assert value(families, "sallyport_upstream_connects_total", backend="milvus", result="refused") == 1
    assert value(families, "sallyport_upstream_failures_total", backend="milvus", reason="unreachable") == 1
    assert value(families, "sallyport_requests_total", kind="grpc", outcome="unavailable") == 1


def test_handshakes_are_counted_by_what_was_wrong(sallyport, certs, bad_certs):
    program = sallyport(free_port(), certs=certs, mode=2, admin=PAGE)
    page = page_of(program)
    wanted = {"wrong CA": "certificate_unknown_ca", "expired": "certificate_expired", "not yet valid": "certificate_not_yet_valid", "self-signed": "certificate_unknown_ca",
              "server's purpose": "certificate_purpose", None: "no_certificate"}
    counted = {}
    for name, result in wanted.items():
        counted[result] = counted.get(result, 0) + 1
        with contextlib.suppress(OSError, Closed):
            with Connection(program.address, tls_context(certs / "ca.pem", *(bad_certs[name] if name else ()))) as client:
                client.read_to_end(5)
        until(lambda: value(scrape(page), "sallyport_handshakes_total", result=result) == counted[result])
    with socket.create_connection(program.address) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        hear(plain)
    until(lambda: value(scrape(page), "sallyport_handshakes_total", result="not_tls") == 1)
    with Connection(program.address, tls_context(certs / "ca.pem", certs / "client.pem", certs / "client.key")):
        until(lambda: value(scrape(page), "sallyport_handshakes_total", result="ok") == 1)


def test_a_flood_is_counted_by_its_limit(sallyport):
    program = sallyport(free_port(), admin=PAGE, limits={"pings": 1})
    page = page_of(program)
    with contextlib.suppress(OSError, Closed):
        with Connection(program.address) as client:
            for _ in range(3):
                client.send(frame(6, 0, 0, b"12345678"))
            client.read_to_end(5)
    until(lambda: value(scrape(page), "sallyport_http2_limits_total", limit="pings") == 1)
    until(lambda: value(scrape(page), "sallyport_connection_ends_total", cause="limit") == 1)
