"""Certificates, keys, CAs and CRLs change under load, and what they say is in force at once: nothing is dropped, and who is not trusted any more goes.

Method: Sallyport's files are replaced while grpcio clients call through it and raw clients shake hands; what is served is read from the handshake itself.
SALLYPORT_RELOADS and SALLYPORT_RELOAD_SECONDS make the run under load longer.
"""

import hashlib
import os
import shutil
import signal
import socket
import ssl
import threading
import time

import grpc
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from support import certificates
from support.backends import free_port
from support.exposition import value
from support.h2raw import Closed, Connection, grpc_message, request_head, tls_context, token
from support.page import PAGE, page_of, scrape
from support.program import command

GOOD = token("root:Milvus")
PASSAGE = "/sallyport.test.Passage/"
BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def pair(folder, certs, name):
    return certificates.leaf(folder, name, (certs / "ca.pem", certs / "ca.key"), purposes=BOTH, dns=("localhost",))


def put(files, live):
    """In place by renames, the key first: for a moment they are no pair."""
    for source, target in zip(files[::-1], live[::-1]):
        shutil.copy(source, target.with_suffix(".new"))
        target.with_suffix(".new").rename(target)


def served(program, certs) -> str:
    with socket.create_connection(program.address, timeout=5) as plain, tls_context(certs / "ca.pem").wrap_socket(plain, server_hostname="localhost") as client:
        return hashlib.sha256(client.getpeercert(True)).hexdigest()


@pytest.fixture
def live(folder):
    """Where the program's certificate and key are; the tests put them there."""
    (folder / "live").mkdir()
    return folder / "live" / "server.pem", folder / "live" / "server.key"


def settings_for(live, **tls):
    return {"tls": {"certificates": [{"cert": str(live[0]), "key": str(live[1])}]} | tls}


class Load:
    """Unary calls without a pause on one connection, and one stream that stays open meanwhile."""

    def __init__(self, program, certs):
        credentials = grpc.ssl_channel_credentials((certs / "ca.pem").read_bytes())
        self.channel = grpc.secure_channel(f"localhost:{program.port}", credentials, options=[("grpc.enable_retries", 0)])
        self.done, self.failed, self.over = 0, [], False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        call = self.channel.unary_unary(PASSAGE + "Echo")
        while not self.over:
            try:
                assert call(b"x" * 100, timeout=20, metadata=(("authorization", GOOD),)) == b"x" * 100
                self.done += 1
            except Exception as error:  # noqa: BLE001: whatever it is, it is the finding
                self.failed.append(repr(error))

    def end(self):
        self.over = True
        self.thread.join()
        self.channel.close()


def test_reloads_under_load_lose_nothing_and_keep_the_memory_flat(sallyport, grpc_backend, certs, folder, live):
    reloads, seconds = int(os.environ.get("SALLYPORT_RELOADS", "30")), float(os.environ.get("SALLYPORT_RELOAD_SECONDS", "9"))
    pairs = [pair(folder, certs, name) for name in ("one", "other")]
    put(pairs[0], live)
    backend = grpc_backend()
    program = sallyport(backend.port, certs=certs, mode=1, listener=settings_for(live), admin=PAGE)
    loads = [Load(program, certs) for _ in range(2)]
    warm = reloads // 3
    for turn in range(reloads):
        began = time.monotonic()
        expected = pairs[(turn + 1) % 2]
        mark = program.mark()
        put(expected, live)
        program.wait_event("certificates_reloaded", since=mark, serving=certificates.sha256_of(expected[0]))
        assert served(program, certs) == certificates.sha256_of(expected[0])
        if turn == warm:
            before = program.rss_kib()
        time.sleep(max(0.0, seconds / reloads - (time.monotonic() - began)))  # the pace is what is asked for
    after = program.rss_kib()
    for load in loads:
        load.end()
        assert load.failed == []
        assert load.done > reloads
    assert after < before * 1.05 + 512, f"{before} to {after} KiB"
    page = scrape(page_of(program))
    assert value(page, "sallyport_certificates_generation", listener="milvus") == reloads + 1
    assert value(page, "sallyport_certificate_reloads_total") == reloads


def test_files_that_are_broken_half_written_or_no_pair_leave_the_old_ones_served(sallyport, certs, folder, live):
    first, second = (pair(folder, certs, name) for name in ("first", "second"))
    put(first, live)
    program = sallyport(free_port(), certs=certs, mode=1, listener=settings_for(live))
    whole = second[0].read_bytes()

    def broken(change):
        mark = program.mark()
        change()
        program.wait_event("certificates_not_reloaded", since=mark, serving=certificates.sha256_of(first[0]))
        assert served(program, certs) == certificates.sha256_of(first[0])

    broken(lambda: live[0].write_bytes(whole[: len(whole) // 2]))
    broken(lambda: live[0].write_bytes(b""))
    broken(lambda: live[0].write_bytes(whole))  # the other's certificate: no pair
    broken(live[1].unlink)
    broken(lambda: live[1].write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
    code, out, err = command("ctl", "reload", "-c", program.file)
    assert code == 1 and "is not the key" in err or "damaged" in err, (code, out, err)
    mark = program.mark()
    put(second, live)
    program.wait_event("certificates_reloaded", since=mark)
    assert served(program, certs) == certificates.sha256_of(second[0])


def test_the_links_of_a_kubernetes_mount_are_followed(sallyport, certs, folder):
    pairs = [pair(folder, certs, name) for name in ("old", "new")]
    mount = folder / "mount"
    mount.mkdir()
    for version, files in enumerate(pairs):
        (mount / f"..{version}").mkdir()
        shutil.copy(files[0], mount / f"..{version}" / "tls.crt")
        shutil.copy(files[1], mount / f"..{version}" / "tls.key")
    (mount / "..data").symlink_to("..0")
    for name in ("tls.crt", "tls.key"):
        (mount / name).symlink_to(f"..data/{name}")
    program = sallyport(free_port(), certs=certs, mode=1, listener=settings_for((mount / "tls.crt", mount / "tls.key")))
    assert served(program, certs) == certificates.sha256_of(pairs[0][0])
    mark = program.mark()
    (mount / "..next").symlink_to("..1")
    (mount / "..next").rename(mount / "..data")
    program.wait_event("certificates_reloaded", since=mark, timeout=2)
    assert served(program, certs) == certificates.sha256_of(pairs[1][0])


def test_sighup_and_ctl_reload_at_once_and_a_touch_changes_nothing(sallyport, certs, folder, live):
    first = pair(folder, certs, "first")
    put(first, live)
    program = sallyport(free_port(), certs=certs, mode=1, listener=settings_for(live))
    mark = program.mark()
    program.send_signal(signal.SIGHUP)
    assert program.wait_event("reloaded", since=mark)["unchanged"] == "1"
    live[0].touch()
    code, out, _ = command("ctl", "reload", "-c", program.file)
    assert (code, out) == (0, "with new certificates: 0, unchanged: 1\n")
    code, out, _ = command("ctl", "status", "-c", program.file)
    assert f"server {live[0]}: " in out
    assert program.events("certificates_reloaded") == []


# Trust


@pytest.fixture
def guarded(sallyport, grpc_backend, certs, folder):
    """(program, crl file, ca, client, backend): client certificates required, with a CRL that names nobody yet."""
    ca = (certs / "ca.pem", certs / "ca.key")
    crl = certificates.crl(folder / "crl.pem", ca)
    client = certificates.leaf(folder, "client", ca)
    backend = grpc_backend()
    program = sallyport(backend.port, certs=certs, mode=2, listener={"tls": {"crl": str(crl)}})
    return program, crl, ca, client, backend


def context_of(certs, client, version):
    made = tls_context(certs / "ca.pem", *client)
    made.minimum_version = made.maximum_version = version
    return made


def echo(connection):
    return connection.call(PASSAGE + "Echo", b"x", authorization=GOOD)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_revocation_reaches_new_handshakes_saved_sessions_and_running_connections_within_a_second(guarded, certs, version):
    program, crl, ca, client, backend = guarded
    tls = context_of(certs, client, version)
    running = Connection(program.address, tls, timeout=10)
    assert echo(running).grpc[0] == 0
    saved = running.socket.session
    with Connection(program.address, tls, session=saved) as again:
        assert echo(again).grpc[0] == 0 and again.socket.session_reused
    mark = program.mark()
    certificates.crl(crl, ca, [client[0]])
    began = time.monotonic()
    program.wait_event("certificate_no_longer_trusted", since=mark, timeout=2, reason="certificate revoked")
    assert time.monotonic() - began < 1.5  # half a second is what it takes; the rest is a busy machine's
    seen = backend.mark()
    answer = echo(running)  # at once: a second later the connection takes no requests any more
    with pytest.raises((ssl.SSLError, Closed)):
        with Connection(program.address, tls) as fresh:
            echo(fresh)
    with pytest.raises((ssl.SSLError, Closed)):
        with Connection(program.address, tls, session=saved) as resumed:
            echo(resumed)
    assert answer.grpc == (16, "the client certificate is not trusted any more"), answer.frames
    running.until(lambda: running.goaways)
    running.close()
    assert backend.said("echo", since=seen) == []
    said = program.wait_events("handshake_failed", 2, since=mark)
    assert [e["reason"] for e in said] == ["certificate revoked"] * 2


def test_open_streams_of_a_revoked_client_end_within_thirty_seconds(guarded, certs):
    program, crl, ca, client, backend = guarded
    with Connection(program.address, tls_context(certs / "ca.pem", *client), timeout=40) as connection:
        stream = connection.start(request_head(PASSAGE + "Wait", authorization=GOOD, scheme="https"), grpc_message(b'{"seconds": 60}'))
        backend.wait_said("waiting")
        mark = program.mark()
        certificates.crl(crl, ca, [client[0]])
        program.wait_event("certificate_no_longer_trusted", since=mark, timeout=2)
        began = time.monotonic()
        assert connection.answer(stream, timeout=40).grpc == (16, "the client certificate is not trusted any more")
        assert 25 < time.monotonic() - began < 33


@pytest.mark.parametrize("version", VERSIONS)
def test_a_connection_and_a_saved_session_end_with_the_certificate(guarded, certs, folder, version):
    """Common servers let a session that was saved before go on for hours."""
    program, _, ca, _, _ = guarded
    brief = certificates.leaf(folder, f"brief-{version}", ca, seconds=3)
    tls = context_of(certs, brief, version)
    with Connection(program.address, tls) as connection:
        assert echo(connection).grpc[0] == 0
        saved = connection.socket.session
        mark = program.mark()
        program.wait_event("certificate_no_longer_trusted", since=mark, timeout=6, reason="certificate has expired")
        assert echo(connection).grpc[0] == 16
    with pytest.raises((ssl.SSLError, Closed)):
        with Connection(program.address, tls, session=saved) as resumed:
            echo(resumed)
