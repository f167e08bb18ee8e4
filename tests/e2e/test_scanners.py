"""What those who look at TLS servers for a living find at door 1: sslyze that it is as Mozilla wants it, testssl.sh nothing that is not known.

Both judge the listener as it is set up by default, once for each profile; the certificates last less than 90 days, as Mozilla's modern profile wants.
"""

import json
import os
import subprocess

import pytest

from support.paths import python_of
from support.program import command

PROFILES = ("intermediate", "modern")

# What testssl.sh says that is not "fine": the certificates are those of `sallyport certs init`, which name no CRL and no OCSP responder, and HSTS and
# the like are for browsers, and for the backend's own pages. It asks for "/", which is no call of gRPC.
KNOWN = {"cert_revocation": "HIGH", "security_headers": "MEDIUM", "HSTS": "LOW", "HTTP_status_code": "WARN"}
# Of its own openssl, which may have no GOST.
ITS_OWN = {"engine_problem"}
# What it must have looked at, and found fine.
LOOKED_AT = {"SSLv2", "SSLv3", "TLS1_3", "ALPN_HTTP2", "PFS", "cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW", "cipherlist_STRONG",
             "cert_trust", "cert_chain_of_trust", "cert_signatureAlgorithm", "heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_renego", "secure_client_renego",
             "CRIME_TLS", "BREACH", "POODLE_SSL", "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4"}


@pytest.fixture
def listener(folder, sallyport, grpc_backend):
    """start(profile): a port of that profile, with an ECDSA and an RSA certificate, and the file of both CAs."""

    def start(profile):
        pairs, authorities = [], b""
        for kind, more in (("ecdsa", ()), ("rsa", ("--rsa",))):
            at = folder / kind
            code, out, err = command("certs", "init", at, "--days", "89", *more)
            assert code == 0, out + err
            pairs.append({"cert": str(at / "server.pem"), "key": str(at / "server.key")})
            authorities += (at / "ca.pem").read_bytes()
        ca = folder / "authorities.pem"
        ca.write_bytes(authorities)
        program = sallyport(grpc_backend().port, listener={"tls": {"certificates": pairs, "profile": profile}})
        return program.port, ca

    return start


def sslyze(port, ca, profile):
    done = subprocess.run([python_of("scan"), "-W", "ignore", "-m", "sslyze", f"--mozilla_config={profile}", f"--certinfo_ca_file={ca}", f"127.0.0.1:{port}"],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_sslyze_finds_each_profile_compliant_with_mozillas(listener, profile):
    port, ca = listener(profile)
    code, text = sslyze(port, ca, profile)
    assert code == 0 and "OK - Compliant" in text, text


def test_sslyze_can_tell_the_profiles_apart(listener):
    port, ca = listener("intermediate")
    code, text = sslyze(port, ca, "modern")
    assert code == 1 and "'TLSv1.2'} are supported, but should be rejected" in text, text


@pytest.mark.long
@pytest.mark.parametrize("profile", PROFILES)
def test_testssl_finds_nothing_that_is_not_known(listener, folder, profile):
    port, ca = listener(profile)
    found = folder / "found.json"
    done = subprocess.run(["testssl", "--warnings", "off", "--color", "0", "--quiet", "-n", "none", "--jsonfile", found, "--add-ca", ca,
                           f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=280, cwd=folder, env=os.environ | {"TERM": "dumb"})
    assert done.returncode == 0, done.stdout + done.stderr
    findings = [(one["id"].partition(" ")[0], one["severity"], one["finding"]) for one in json.loads(found.read_text())]
    fine = {id_ for id_, severity, _ in findings if severity == "OK"}
    assert LOOKED_AT <= fine, LOOKED_AT - fine
    worse = [one for one in findings if one[1] not in ("OK", "INFO") and one[0] not in ITS_OWN]
    assert {id_: severity for id_, severity, _ in worse} == KNOWN, worse
