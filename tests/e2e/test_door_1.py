"""Door 1: who gets a TLS connection, what is agreed on it, what it costs to be slow, and what the operator is told of who did not get in.

Method: handshakes by Python's ssl and by bare sockets against Sallyport before a recorder; every refusal is looked up in the log and must have
opened no connection to the backend.
"""

import re
import select
import socket
import ssl
import subprocess
import time

import pytest

from support import certificates
from support.backends import free_port
from support.h2raw import Closed, Connection, tls_context, token
from support.program import command
from support.protobuf import SERVICE

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # old TLS versions are what is tried

GOOD = token("root:Milvus")
LIST_USERS = SERVICE + "ListCredUsers"  # answered by Sallyport itself: door 1 is tried without a backend


def context(certs, version=None, alpn=("h2",), client=None, ciphers=None):
    made = tls_context(certs / "ca.pem", *(client or ()), alpn=alpn)
    if ciphers:
        made.set_ciphers(ciphers)
    if version:
        made.minimum_version = made.maximum_version = version
    return made


def call(program, tls):
    with Connection(program.address, tls) as client:
        answer = client.call(LIST_USERS, authorization=GOOD)
        assert answer.grpc == (0, ""), answer.frames
        return client.socket.version(), client.socket.selected_alpn_protocol()


@pytest.fixture
def one_way(sallyport, certs):
    return sallyport(free_port(), certs=certs, mode=1)


@pytest.fixture
def mutual(sallyport, certs):
    return sallyport(free_port(), certs=certs, mode=2)


# Versions and ALPN


@pytest.mark.parametrize("version, name", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
def test_tls_1_2_and_1_3_are_spoken(one_way, certs, version, name):
    assert call(one_way, context(certs, version)) == (name, "h2")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_older_versions_are_refused(one_way, certs, version):
    mark = one_way.mark()
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
        Connection(one_way.address, context(certs, version, ciphers="ALL:@SECLEVEL=0"))
    one_way.wait_event("handshake_failed", since=mark, reason=re.compile("protocol", re.I))


def test_the_modern_profile_is_tls_1_3_alone(sallyport, certs):
    program = sallyport(free_port(), certs=certs, mode=1, listener={"tls": {"profile": "modern"}})
    assert call(program, context(certs))[0] == "TLSv1.3"
    mark = program.mark()
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
        Connection(program.address, context(certs, ssl.TLSVersion.TLSv1_2))
    program.wait_event("handshake_failed", since=mark)


@pytest.mark.parametrize("suite", ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"])
def test_weak_suites_are_refused(one_way, certs, suite):
    with pytest.raises(ssl.SSLError, match="(?i)handshake.failure"):
        Connection(one_way.address, context(certs, ssl.TLSVersion.TLSv1_2, ciphers=f"{suite}:@SECLEVEL=0"))


@pytest.mark.parametrize("offered, agreed", [(("h2",), "h2"), (("http/1.1", "h2"), "h2"), (("grpc-exp", "h2"), "h2"), (("http/1.1",), "http/1.1"), ((), None)])
def test_alpn(one_way, certs, offered, agreed):
    """Without ALPN (as a Java SDK may come) the first bytes tell."""
    if agreed == "http/1.1":
        with socket.create_connection(one_way.address, timeout=5) as plain, context(certs, alpn=offered).wrap_socket(plain, server_hostname="localhost") as client:
            assert client.selected_alpn_protocol() == agreed
        return
    assert call(one_way, context(certs, alpn=offered))[1] == agreed


@pytest.mark.parametrize("offered", [("http/1.0",), ("ftp",), ("h2c",)])
def test_alpn_without_anything_that_is_spoken_is_refused(one_way, certs, offered):
    mark = one_way.mark()
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        Connection(one_way.address, context(certs, alpn=offered))
    one_way.wait_event("handshake_failed", since=mark, reason=re.compile("application protocol|alpn", re.I), peer=re.compile(r"^127\.0\.0\.1:\d+$"))


def test_no_renegotiation(one_way, certs):
    """openssl s_client asks for one when it reads R at the beginning of a line."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{one_way.port}", "-tls1_2", "-alpn", "h2", "-CAfile", certs / "ca.pem"],
                          input=b"R\n", capture_output=True, timeout=20)
    assert b"RENEGOTIATING" in done.stdout + done.stderr
    assert b"no renegotiation" in done.stdout + done.stderr or done.returncode != 0
    assert call(one_way, context(certs))[1] == "h2"


def test_the_certificate_verifies_for_localhost_and_its_addresses(one_way, certs):
    for name in ("localhost", "127.0.0.1", "::1"):
        with Connection(one_way.address, context(certs), server_name=name) as client:
            assert client.call(LIST_USERS, authorization=GOOD).grpc[0] == 0
    with pytest.raises(ssl.SSLCertVerificationError):
        Connection(one_way.address, context(certs), server_name="elsewhere.example")


# Client certificates


def test_required_takes_a_good_one(mutual, certs):
    assert call(mutual, context(certs, client=(certs / "client.pem", certs / "client.key"))) == ("TLSv1.3", "h2")


def test_a_certificate_as_milvus_recipe_makes_it_is_taken(mutual, certs, folder):
    """No subjectAltName and no extended key usage: what the documentation's gen.sh gives."""
    made = certificates.without_extensions(folder, "recipe", (certs / "ca.pem", certs / "ca.key"))
    call(mutual, context(certs, client=made))


def test_optional_takes_none_and_a_good_one_but_no_bad_one(sallyport, certs, bad_certs):
    program = sallyport(free_port(), certs=certs, mode=1, listener={"tls": {"client_certificates": "optional", "client_ca": str(certs / "ca.pem")}})
    call(program, context(certs))
    call(program, context(certs, client=(certs / "client.pem", certs / "client.key")))
    mark = program.mark()
    with pytest.raises((Closed, ssl.SSLError)):
        call(program, context(certs, client=bad_certs["wrong CA"]))
    program.wait_event("handshake_failed", since=mark)


def test_none_does_not_ask(one_way, certs, bad_certs):
    call(one_way, context(certs, client=bad_certs["wrong CA"]))


# who: (X.509's reason in the log, depth, alert in the client's words)
REFUSED = {
    "none": ("certificate", None, "certificate.required|handshake.failure"),
    "wrong CA": ("unable to get local issuer|unable to verify|issuer", "0", "unknown.ca|bad.certificate"),
    "expired": ("expired", "0", "expired"),
    "not yet valid": ("not yet valid", "0", "bad.certificate|expired|unknown"),
    "self-signed": ("self.signed", "0", "unknown.ca|bad.certificate"),
    "server's purpose": ("purpose|suitable", "0", "unsupported.certificate|bad.certificate"),
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=("1.2", "1.3"))
@pytest.mark.parametrize("who", REFUSED)
def test_the_log_says_why_a_handshake_failed_and_the_client_gets_the_alert(mutual, certs, bad_certs, who, version):
    reason, depth, alert = REFUSED[who]
    client = bad_certs.get(who)
    mark = mutual.mark()
    with pytest.raises((Closed, ssl.SSLError)) as refused:
        call(mutual, context(certs, version, client=client))
    assert re.search(alert, getattr(refused.value, "alert", None) or str(refused.value), re.I), refused.value
    event = mutual.wait_event("handshake_failed", since=mark, reason=re.compile(reason, re.I))
    assert event["level"] == "info" and re.fullmatch(r"127\.0\.0\.1:\d+", event["peer"]) and event["sni"] == "localhost", event
    if depth is not None:
        assert event["depth"] == depth, event
        assert client[0].stem in event["subject"], event
        assert int(event["serial"].replace(":", ""), 16) == certificates.serial_of(client[0]), event


def test_a_forged_log_line_in_a_subject_stays_one_line(mutual, certs, folder):
    stranger = certificates.authority(folder)
    made = certificates.leaf(folder, "x", stranger)  # the name of the file; the subject is what is hostile
    hostile = certificates.leaf(folder, "a b=\"c\"", stranger)
    assert made
    mark = mutual.mark()
    with pytest.raises((Closed, ssl.SSLError)):
        call(mutual, context(certs, client=hostile))
    event = mutual.wait_event("handshake_failed", since=mark)
    assert 'a b="c"' in event["subject"].replace("\\", ""), event


# Stapling


def test_the_ocsp_response_of_the_file_is_stapled_for_who_asks(sallyport, folder):
    made = folder / "made"
    assert command("certs", "init", made)[0] == 0
    assert command("certs", "revoke", made, "--ocsp", made / "server.pem")[0] == 0
    pair = {"cert": str(made / "server.pem"), "key": str(made / "server.key"), "ocsp": str(made / "server.ocsp")}
    program = sallyport(free_port(), certs=made, mode=1, listener={"tls": {"certificates": [pair]}})
    said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{program.port}", "-status", "-alpn", "h2", "-CAfile", made / "ca.pem"],
                          input=b"", capture_output=True, timeout=20).stdout.decode(errors="replace")
    assert "OCSP Response Status: successful" in said and "Cert Status: good" in said, said
    other = folder / "other.yaml"
    other.write_text(program.file.read_text().replace("server.ocsp", "ca.pem"))
    code, out, err = command("check", "-c", other)
    assert code == 2 and "is no OCSP response in DER" in out + err, (code, out, err)


# Server names


def test_a_name_with_a_policy_of_its_own_is_not_reached_through_another(sallyport, grpc_backend, certs, folder):
    """421, as RFC 9110 15.5.20 has it for a connection that was made for another host."""
    guarded = certificates.leaf(folder, "guarded", (certs / "ca.pem", certs / "ca.key"), purposes=[certificates.ExtendedKeyUsageOID.SERVER_AUTH], dns=["guarded.example"])
    policy = {"certificates": [{"cert": str(guarded[0]), "key": str(guarded[1])}], "client_certificates": "required", "client_ca": str(certs / "ca.pem")}
    backend = grpc_backend()
    program = sallyport(backend.port, certs=certs, mode=1, listener={"tls": {"names": [policy]}})
    client = (certs / "client.pem", certs / "client.key")
    echo = "/sallyport.test.Passage/Echo"
    with Connection(program.address, context(certs)) as open_door:
        assert open_door.call(echo, b"x", authorization=GOOD).grpc[0] == 0
        backend.wait_said("echo")
        mark = backend.mark()
        for authority in ("guarded.example", "guarded.example:443", "GUARDED.example"):
            answer = open_door.call(echo, b"x", authorization=GOOD, authority=authority)
            assert answer.grpc[0] == 7, answer.frames
        # In HTTP/1.1 nothing but the status line can say it, whatever the request calls itself.
        head = f"POST {echo} HTTP/1.1\r\nHost: guarded.example\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n"
        by_http1 = context(certs)
        by_http1.set_alpn_protocols(["http/1.1"])
        with socket.create_connection(program.address) as wire, by_http1.wrap_socket(wire, server_hostname="localhost") as client_of_http1:
            client_of_http1.sendall(head.encode())
            assert client_of_http1.recv(12) == b"HTTP/1.1 421"
        assert open_door.call(echo, b"x", authorization=GOOD, authority="elsewhere.example").grpc[0] == 0
        backend.wait_said("echo", since=mark)
        assert len(backend.said("echo", since=mark)) == 1
    with pytest.raises((Closed, ssl.SSLError)):
        with Connection(program.address, context(certs), server_name="guarded.example") as without:
            without.call(echo, authorization=GOOD)
    with Connection(program.address, context(certs, client=client), server_name="guarded.example") as inside:
        assert inside.call(echo, b"x", authorization=GOOD, authority="guarded.example").grpc[0] == 0
        assert inside.call(echo, b"x", authorization=GOOD).grpc[0] == 7


# Time and number


def closed_after(client) -> float:
    began = time.monotonic()
    client.settimeout(10)
    try:
        while client.recv(4096):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - began


def test_a_silent_connection_is_closed_at_the_limit(sallyport, certs):
    program = sallyport(free_port(), certs=certs, mode=1, limits={"handshake": "1s"})
    mark = program.mark()
    with socket.create_connection(program.address) as client:
        took = closed_after(client)
    assert 0.8 < took < 2.5, f"closed after {took:.1f} s"
    program.wait_event("handshake_failed", since=mark, reason=re.compile("time|deadline|limit", re.I), peer=re.compile("127.0.0.1"))


def test_the_limit_is_absolute_bytes_do_not_move_it(sallyport, certs):
    program = sallyport(free_port(), certs=certs, mode=1, limits={"handshake": "1s"})
    hello = client_hello()
    with socket.create_connection(program.address) as client:
        began = time.monotonic()
        try:
            for byte in hello[:60]:
                client.sendall(bytes([byte]))
                time.sleep(0.1)  # a dripping client is what is played here
                if time.monotonic() - began > 4:
                    pytest.fail("it still listens to a dripping client")
        except OSError:
            pass
        assert 0.8 < time.monotonic() - began < 3


def client_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    machine = tls_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        machine.do_handshake()
    return outgoing.read()


def test_handshakes_in_flight_are_limited_and_connections_live_on(sallyport, certs):
    program = sallyport(free_port(), certs=certs, mode=1, limits={"handshakes": 3, "handshake": "30s"})
    with Connection(program.address, context(certs)) as client:
        assert client.call(LIST_USERS, authorization=GOOD).grpc[0] == 0
        mark = program.mark()
        silent = [socket.create_connection(program.address) for _ in range(7)]
        try:
            closed = set()
            limit = time.monotonic() + 5
            while len(closed) < 4:  # which of them get the three places is the workers' affair
                assert time.monotonic() < limit, f"{len(closed)} of 7 were sent away, with 3 places"
                readable, _, _ = select.select([each for each in silent if each not in closed], [], [], 0.5)
                closed |= set(readable)
            assert not select.select([each for each in silent if each not in closed], [], [], 0.3)[0], "more than 4 of 7 were sent away"
            program.wait_events("connection_refused", 4, since=mark, reason="limits_handshakes")
            assert client.call(LIST_USERS, authorization=GOOD).grpc[0] == 0, "one that was there suffers"
        finally:
            for each in silent:
                each.close()
    eventually(lambda: call(program, context(certs)))


def test_connections_are_limited(sallyport, certs):
    program = sallyport(free_port(), certs=certs, mode=1, limits={"connections": 3})
    held = [Connection(program.address, context(certs)) for _ in range(3)]
    try:
        for each in held:
            assert each.call(LIST_USERS, authorization=GOOD).grpc[0] == 0
        mark = program.mark()
        with pytest.raises((OSError, Closed)):
            call(program, context(certs))
        program.wait_event("connection_refused", since=mark, reason="limits_connections")
        assert held[0].call(LIST_USERS, authorization=GOOD).grpc[0] == 0
    finally:
        for each in held:
            each.close()
    eventually(lambda: call(program, context(certs)))


def eventually(action, seconds=5.0):
    """The places that were given back are counted when the server has seen the closes."""
    limit = time.monotonic() + seconds
    while True:
        try:
            return action()
        except (OSError, Closed):
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)


def test_a_client_that_asks_for_nothing_is_sent_away(sallyport, certs):
    program = sallyport(free_port(), certs=certs, mode=1, limits={"first_request": "1s"})
    with Connection(program.address, context(certs)) as client:
        began = time.monotonic()
        assert client.read_to_end(10) == ""
        assert 0.8 < time.monotonic() - began < 4
        assert [code for _, code, _ in client.goaways][-1] == 0, client.goaways  # NO_ERROR: an idle channel is no crime


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
ACKNOWLEDGED = b"\0\0\0\4\1\0\0\0\0"


@pytest.mark.parametrize("said", [b"", PREFACE], ids=["nothing", "the preface"])
def test_a_client_that_leaves_without_a_request_gets_close_notify(one_way, certs, said):
    with socket.create_connection(one_way.address, timeout=5) as bare:
        with context(certs).wrap_socket(bare, server_hostname="localhost", suppress_ragged_eofs=False) as client:
            client.sendall(said)
            heard = client.recv(4096)
            assert heard[3] == 4, "SETTINGS come first"
            while said and not heard.endswith(ACKNOWLEDGED):
                heard += client.recv(4096)
            assert client.unwrap().recv(1) == b"", "the end of TCP follows close_notify, and no reset"
