"""The kit of certificates is what its manifest says, to a server that is not ours; and it is there in a few lines for pytest and for a shell.

The server is `openssl s_server`, told to judge as the manifest means it. It has none of the checks that a set may name beside OpenSSL's own,
and lets none of the strict findings pass: the sets that turn on those are left out here.
"""

import base64
import os
import re
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from support.paths import PROGRAM, REPOSITORY

sys.path.insert(0, str(REPOSITORY / "certs" / "pytest"))
os.environ["SALLYPORT"] = str(PROGRAM)
pytest_plugins = ["sallyport_kit"]

VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
FOUND_BY_TLS = ("parse", "size", "curve")
LET_PASS = ("lax-ca", "milvus-recipe")
HANDSHAKE, CERTIFICATE = 22, 11  # RFC 5246 6.2.1, 7.4
GREETING = b"GET / HTTP/1.0\r\n\r\n"


class Judge:
    """openssl s_server, one connection after the other; who is let in gets a page."""

    def __init__(self, kit, folder, *mode):
        # -CRL reads the first CRL of a file and no more; -CAfile reads them all.
        trust = folder / "trust.pem"
        trust.write_bytes(kit.ca.read_bytes() + kit.crl.read_bytes())
        self.child = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", kit.server[0], "-key", kit.server[1], "-CAfile", trust,
             "-crl_check_all", "-x509_strict", "-partial_chain", "-auth_level", "2", "-verify_depth", "4",
             "-verify_return_error", "-groups", "X25519:P-256:P-384", "-cipher", "DEFAULT:@SECLEVEL=2", "-www", *mode],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = next(int(line.rsplit(":", 1)[1]) for line in self.child.stdout if line.startswith("ACCEPT"))
        threading.Thread(target=lambda: [None for _ in self.child.stdout], daemon=True).start()

    def close(self):
        self.child.kill()
        self.child.wait()


@pytest.fixture(scope="module")
def judge(sallyport_kit, tmp_path_factory):
    started = Judge(sallyport_kit, tmp_path_factory.mktemp("judge"), "-Verify", "4")
    yield started
    started.close()


def client_of(kit, version, shown=None):
    context = ssl.create_default_context(cafile=kit.ca)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    if shown:
        if shown.needs == "raw":
            shown = kit.client("good")  # whose certificate is changed on its way
        if shown.needs == "level-0":
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(*shown.files)
    return context


def raw_certificates(path):
    return [base64.b64decode(block) for block in re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END", path.read_text(), re.S)]


def with_raw_certificates(records, shown):
    """The client's records, with what `shown` has in place of the certificates. In TLS 1.2 nobody can tell before the client's Finished."""
    changed = b""
    while records:
        size = 5 + int.from_bytes(records[3:5], "big")
        record, records = records[:size], records[size:]
        if record[0] == HANDSHAKE and record[5] == CERTIFICATE:
            listed = b"".join(len(one).to_bytes(3, "big") + one for one in raw_certificates(shown.cert))
            message = bytes([CERTIFICATE]) + (len(listed) + 3).to_bytes(3, "big") + len(listed).to_bytes(3, "big") + listed
            record = record[:3] + len(message).to_bytes(2, "big") + message
        changed += record
    return changed


def offered(port, context, raw=None):
    """"accept", or the alert that came. Over buffers, so that an alert is read even when what was being sent could not be."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")

        def until_done(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    try:
                        sending = outgoing.read()
                        link.sendall(with_raw_certificates(sending, raw) if raw else sending)
                    except ConnectionError:
                        pass
                    try:
                        came = link.recv(65536)
                    except ConnectionError:
                        came = b""
                    incoming.write(came) if came else incoming.write_eof()

        try:
            until_done(tls.do_handshake)
            tls.write(GREETING)
            return "accept" if until_done(lambda: tls.read(1)) else "closed without a word"
        except ssl.SSLError as error:
            return re.sub(r"^(?:SSLV3|TLSV1|TLSV13)_ALERT_", "", error.reason or str(error)).lower()


def judged_by_openssl(each):
    return each.id not in LET_PASS and (not each.check or each.check in FOUND_BY_TLS)


@pytest.mark.parametrize("version", VERSIONS)
def test_openssls_server_does_with_every_set_what_the_manifest_says(sallyport_kit, judge, version):
    seen, wanted = {}, {}
    for each in sallyport_kit.all:
        raw = each if each.needs == "raw" else None
        if version in each.versions and judged_by_openssl(each) and not (raw and version == "TLSv1.3"):
            seen[each.id] = offered(judge.port, client_of(sallyport_kit, version, each), raw)
            wanted[each.id] = each.alert or "accept"
    assert seen == wanted
    assert len(wanted) >= 60


def test_a_server_that_asks_for_none_lets_everybody_in(sallyport_kit, folder):
    server = Judge(sallyport_kit, folder)
    try:
        for version in VERSIONS:
            for each in (sallyport_kit.client("expired"), sallyport_kit.client("good"), None):
                assert offered(server.port, client_of(sallyport_kit, version, each)) == "accept"
    finally:
        server.close()


STRANGERS_TEST = """
def test_bad_clients(sallyport_kit):
    server, good = sallyport_kit.server, sallyport_kit.client("good")
    for bad in sallyport_kit.bad:
        assert bad.cert.exists() and bad.expect["required"] == "refuse", bad.says
    assert len(sallyport_kit.bad) >= 20 and good.good and all(path.exists() for path in (*server, *good.files))
"""


def test_pytest_gets_a_server_a_good_client_and_twenty_bad_ones(folder):
    (folder / "test_stranger.py").write_text(STRANGERS_TEST)
    paths = {**os.environ, "PYTHONPATH": str(REPOSITORY / "certs" / "pytest"), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "sallyport_kit", "--rootdir", folder,
                          f"--basetemp={folder / 'temporary'}", folder / "test_stranger.py"],
                         env=paths, cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0 and "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_a_shell_gets_a_server_a_good_client_and_twenty_bad_ones(folder, sallyport_kit):
    script = f"""
        . {REPOSITORY}/certs/kit.sh && sallyport_kit {folder}/kit
        printf '%s\\n' "$kit_server_cert" "$kit_server_key" "$kit_ca" "$kit_crl" "$(kit_cert good)" "$(kit_key good)"
        for id in $(kit_bad); do printf '%s: %s %s\\n' "$id" "$(kit_field "$id" alert)" "$(kit_says "$id")"; done
    """
    ran = subprocess.run(["sh", "-euc", script], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    for path in lines[:6]:
        assert os.path.isfile(path), path
    assert lines[6:] == [f"{each.id}: {each.alert} {each.says}" for each in sallyport_kit.bad]
    assert len(lines[6:]) >= 20


def test_a_kit_that_cannot_be_made_says_why(folder):
    from sallyport_kit import make_kit

    (folder / "taken").mkdir()
    (folder / "taken" / "mine").write_text("mine")
    with pytest.raises(RuntimeError, match="is not empty"):
        make_kit(folder / "taken")
