"""The commands around certificates do to other programs what they say: probe finds what a TLS server judges wrongly, serve gives a client one
bad server a port, show tells what a server sends, and what is revoked is refused."""

import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

import grpc
import pytest

from support import tls_peers
from support.paths import PROGRAM, REPOSITORY
from support.process import Process
from support.program import command, surroundings


@pytest.fixture(scope="module")
def kit():
    """The folder of `certs fixtures`."""
    parent = Path(tempfile.mkdtemp(prefix="sallyport-kit-"))
    code, out, err = command("certs", "fixtures", parent / "kit", timeout=120)
    assert code == 0, out + err
    yield parent / "kit"
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def running():
    made = []
    yield lambda one: made.append(one) or one
    for one in made:
        one.stop(signal.SIGTERM)


def probe(port, kit, *more):
    """(exit code, the rows by id and version, standard error) of `certs probe --json`."""
    code, out, err = command("certs", "probe", f"127.0.0.1:{port}", "--kit", kit, "--json", "--timeout", "3", *more, timeout=240)
    return code, {(row["id"], row["version"]): row for row in json.loads(out)["rows"]} if out else {}, err


def sets_of(kit) -> dict:
    return {one["id"]: one for one in json.loads((kit / "manifest.json").read_text())}


def door(kit, mode):
    """Keywords for `sallyport`: a listener with the trust of the kit."""
    tls = {"certificates": [{"cert": str(kit / "server.pem"), "key": str(kit / "server.key")}], "client_certificates": mode}
    if mode != "none":
        tls |= {"client_ca": str(kit / "ca.pem"), "crl": str(kit / "crl.pem"), "crl_check": "chain"}
    return {"listener": {"tls": tls}}


@pytest.mark.parametrize("mode", ["none", "optional", "required"])
def test_every_set_of_the_kit_is_judged_as_its_manifest_says(kit, sallyport, grpc_backend, recorder, mode):
    """Both versions of TLS, each verdict, the alert of each refusal, why in the log, and nothing at the backend."""
    seen = recorder(grpc_backend().port)
    program = sallyport(seen.port, **door(kit, mode))
    mark, since = seen.mark(), program.mark()
    code, rows, err = probe(program.port, kit, "--mode", mode)
    assert code == 0, ([r for r in rows.values() if r["verdict"] == "finding"], err)
    assert err == ""
    sets = sets_of(kit)
    assert {id_ for id_, _ in rows} >= set(sets)
    played = [row for row in rows.values() if row["verdict"] == "ok"]
    assert len(played) > 250
    refused = [row for row in played if row["did"] == "refused"]
    for row in refused:
        if row["id"] in sets:
            assert row["alert"] == sets[row["id"]]["alert"], row
    assert len(refused) == sum(row["should"] == "refuse" for row in played)
    assert (mode == "none") == (not refused)
    if refused:
        program.wait_events("handshake_failed", len(refused), since=since)
    failed = program.events("handshake_failed", since=since)
    assert len(failed) == len(refused) and all(event["reason"] for event in failed)
    seen.assert_nothing_since(mark, mode)


def test_probe_finds_the_door_that_is_open_and_says_so_beforehand(kit, sallyport, grpc_backend):
    backend = grpc_backend()
    program = sallyport(backend.port, **door(kit, "optional"))
    code, rows, err = probe(program.port, kit, "--mode", "required", "--only", "without-a-certificate")
    assert code == 1
    assert {row["verdict"] for row in rows.values()} == {"finding"}

    unasked = sallyport(backend.port, **door(kit, "none"))
    code, rows, err = probe(unasked.port, kit, "--only", "expired")
    assert code == 1
    assert all(row["did"] == "accepted" and not row["asked"] for row in rows.values())
    assert "does not ask for a certificate" in err and "--mode none" in err


def test_probe_says_first_when_the_good_set_is_refused(kit, certs, sallyport, grpc_backend):
    backend = grpc_backend()
    other_trust = door(kit, "required")
    other_trust["listener"]["tls"]["client_ca"] = str(certs / "ca.pem")
    program = sallyport(backend.port, **other_trust)
    code, rows, err = probe(program.port, kit, "--only", "good")
    assert code == 1
    assert err.count("the good set is not let in") == 2
    assert "ca.pem" in err and "clock" in err


def test_probe_that_reaches_nobody_ends_with_2(kit):
    code, rows, err = probe(tls_peers.free_port(), kit)
    assert (code, rows) == (2, {})
    assert "nobody is there" in err


def test_probe_of_a_server_that_speaks_no_tls_ends_with_2(kit, sallyport, grpc_backend):
    backend = grpc_backend()
    program = sallyport(backend.port)
    code, rows, err = probe(program.port, kit)
    assert (code, rows) == (2, {})
    assert "no TLS server" in err


def test_probe_writes_a_table_and_junit(kit, sallyport, grpc_backend, folder):
    backend = grpc_backend()
    program = sallyport(backend.port, **door(kit, "required"))
    code, out, err = command("certs", "probe", f"localhost:{program.port}", "--kit", kit, "--only", "dates", "--junit", folder / "junit.xml")
    assert code == 0, out + err
    assert out.splitlines()[0].split() == ["id", "TLS", "did", "should", "why"]
    suite = xml.parse(folder / "junit.xml").getroot()
    assert int(suite.get("failures")) == 0 and int(suite.get("tests")) == len(suite.findall("testcase")) > 4


def documented(server):
    """Of docs/other-servers.md: what it says of each set, whether each should be accepted, and how many attempts differ, of how many."""
    text = (REPOSITORY / "docs" / "other-servers.md").read_text()
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    rows = [dict(zip(lines[0], line)) for line in lines[2:]]
    counted = re.search(rf"^Attempts that differ: .*\b{server} (\d+)\b.* of (\d+)\.$", text, re.MULTILINE)
    return {row["set"]: row[server] for row in rows}, {row["set"]: row["should"] for row in rows}, (int(counted[1]), int(counted[2]))


def differences(rows):
    """The same of a probe: a version of TLS is named where the others are as they should be, or were not played."""
    cells = {}
    for id_ in {id_ for id_, _ in rows}:
        of_all = {version: row for (which, version), row in rows.items() if which == id_}
        differ = {version.removeprefix("TLSv"): row["did"] for version, row in of_all.items() if row["verdict"] == "finding"}
        if differ:
            cells[id_] = " and ".join(sorted(set(differ.values()))) + ("" if len(differ) == len(of_all) else f" ({', '.join(sorted(differ))})")
    return cells


@pytest.mark.parametrize("name", ["nginx", "HAProxy", pytest.param("Envoy", marks=pytest.mark.long)])
def test_probe_plays_every_set_at_another_server_and_finds_what_is_documented(kit, running, folder, name):
    server = running(getattr(tls_peers, name.lower())(folder, kit))
    code, rows, err = probe(server.port, kit)
    assert code == 1, err
    assert "not let in" not in err
    kinds = {row["did"] for row in rows.values()}
    assert ("refused by HTTP" if name == "nginx" else "refused") in kinds
    assert kinds <= {"accepted", "refused", "refused by HTTP", "closed", "unplayable"}
    cells, should, counted = documented(name)
    assert differences(rows) == {id_: cell for id_, cell in cells.items() if cell}
    known = sets_of(kit)
    assert should == {id_: known[id_]["expect"]["required"] for id_ in should}
    verdicts = [row["verdict"] for row in rows.values()]
    assert (verdicts.count("finding"), len(verdicts) - verdicts.count("not played")) == counted


def test_serve_gives_a_client_one_bad_server_a_port(kit, running):
    served = running(Process([PROGRAM, "certs", "serve", kit], env=surroundings()))
    served.wait_line(lambda line: "servers listen on 127.0.0.1" in line)
    ports = {words[1]: (int(words[0]), words[2]) for words in (line.split() for line in served.lines) if len(words) > 2 and words[0].isdigit() and words[1] != "servers"}

    def connect(which):
        context = ssl.create_default_context(cafile=str(kit / "ca.pem"))
        with socket.create_connection(("127.0.0.1", ports[which][0]), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secured:
                secured.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return secured.recv(100)

    def call(which):
        credentials = grpc.ssl_channel_credentials((kit / "ca.pem").read_bytes())
        with grpc.secure_channel(f"localhost:{ports[which][0]}", credentials) as channel, pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary("/any.Service/Call")(b"", timeout=10)
        return refused.value

    assert connect("server").startswith(b"HTTP/1.1 200 ")
    assert call("good").code() == grpc.StatusCode.UNIMPLEMENTED  # it came through
    assert call("expired").code() == grpc.StatusCode.UNAVAILABLE and "certificate has expired" in call("expired").details()
    assert ports["good"][1] == "accept" and ports["expired"][1] == "refuse"
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        connect("expired")
    assert served.stop(signal.SIGINT) == 0


def test_show_tells_what_a_server_sends_also_where_it_wants_a_certificate(certs, sallyport, grpc_backend):
    backend = grpc_backend()
    program = sallyport(backend.port, certs=certs, mode=2)
    code, out, err = command("certs", "show", f"localhost:{program.port}", "--ca", certs / "ca.pem", "--json")
    assert code == 0, out + err
    shown = json.loads(out)
    assert shown["version"] == "TLSv1.3" and shown["findings"] == []
    assert "localhost" in shown["chain"][0]["dns"]
    code, out, err = command("certs", "show", f"127.0.0.1:{program.port}", "--host", "elsewhere.example")
    assert code == 1 and "wrong-name" in out


def test_openssl_agrees_about_what_was_issued_and_revoked(folder):
    assert command("certs", "init", folder / "certs")[0] == 0
    made = folder / "certs"
    assert command("certs", "issue", "client", made, "--name", "alice")[0] == 0
    assert command("certs", "revoke", made, made / "alice.pem", "--ocsp", made / "alice.pem")[0] == 0

    def verify(name):
        done = subprocess.run(["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-crl_check", "-CRLfile", made / "crl.pem",
                               "-CAfile", made / "ca.pem", made / name], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    assert verify("client.pem")[0] == 0
    code, said = verify("alice.pem")
    assert code != 0 and "certificate revoked" in said
    done = subprocess.run(["openssl", "ocsp", "-respin", made / "alice.ocsp", "-issuer", made / "ca.pem", "-cert", made / "alice.pem", "-CAfile",
                           made / "ca.pem"], capture_output=True, text=True)
    assert "revoked" in done.stdout and "Response verify OK" in done.stderr, done.stdout + done.stderr
