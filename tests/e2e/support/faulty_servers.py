"""Servers whose certificates have one fault each, for clients that trust one root: each speaks gRPC over TLS on a port of its own."""

import datetime
import ipaddress
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from cryptography.x509.oid import NameOID

from support.frame_backend import FrameBackend

NAMES = ("localhost", "127.0.0.1")
USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only",
          "decipher_only")


@dataclass
class Made:
    cert: bytes  # PEM
    key: object

    @property
    def x509(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.cert)

    def key_pem(self) -> bytes:
        if isinstance(self.key, bytes):
            return self.key
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _name(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name):
    return x509.DNSName(name) if name[0].isalpha() else x509.IPAddress(ipaddress.ip_address(name))


def made(common="localhost", issuer: Made = None, *, key=None, is_ca=False, path=None, names=NAMES, purposes=(Purpose.SERVER_AUTH,), usages=(),
         starts=-1, ends=60, critical=()) -> Made:
    """A certificate from `starts` to `ends` days from now; without an issuer it signs itself. `critical`: further extensions."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    signing, of = (issuer.key, issuer.x509.subject) if issuer else (key, _name(common))
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(_name(common)).issuer_name(of).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now + datetime.timedelta(days=starts))
    builder = builder.not_valid_after(now + datetime.timedelta(days=ends)).add_extension(x509.BasicConstraints(is_ca, path), True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), False)
    if usages:
        builder = builder.add_extension(x509.KeyUsage(**{usage: usage in usages for usage in USAGES}), True)
    for extension in critical:
        builder = builder.add_extension(extension, True)
    return Made(builder.sign(signing, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), key)


def authority(common, issuer: Made = None, **more) -> Made:
    return made(common, issuer, is_ca=True, names=(), purposes=(), usages=("key_cert_sign", "crl_sign"), **more)


def _of_der(der: bytes, key) -> Made:
    return Made(x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM), key)


def signed_with(hash_, one: Made, issuer: Made) -> Made:
    """`one` signed anew by its issuer's RSA key, octet for octet: cryptography makes no certificate with SHA-1 or MD5 any more."""
    oids = {name: bytes.fromhex("2a864886f70d0101" + end) for name, end in (("md5", "04"), ("sha1", "05"), ("sha256", "0b"))}  # RFC 8017 A.2.4
    old = one.x509
    signature = issuer.key.sign(old.tbs_certificate_bytes.replace(oids["sha256"], oids[hash_.name]), padding.PKCS1v15(), hash_)
    der = old.public_bytes(serialization.Encoding.DER).replace(oids["sha256"], oids[hash_.name])
    return _of_der(der.replace(old.signature, signature), one.key)


def forged(one: Made) -> Made:
    """`one` with a signature that is not its issuer's."""
    signature = one.x509.signature
    der = one.x509.public_bytes(serialization.Encoding.DER)
    return _of_der(der.replace(signature, signature[:-1] + bytes([signature[-1] ^ 1])), one.key)


def with_rsa_pss(issuer: Made, folder: Path) -> Made:
    """With a key for RSASSA-PSS alone, which cryptography cannot make."""
    settings = folder / "pss.conf"
    settings.write_text("[req]\ndistinguished_name = name\nprompt = no\nx509_extensions = more\n[name]\nCN = localhost\n[more]\n"
                        "subjectAltName = DNS:localhost, IP:127.0.0.1\nextendedKeyUsage = serverAuth\nbasicConstraints = CA:FALSE\n")
    (folder / "issuer.pem").write_bytes(issuer.cert)
    (folder / "issuer.key").write_bytes(issuer.key_pem())
    subprocess.run(["openssl", "req", "-x509", "-config", settings, "-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-nodes", "-days", "60", "-CA",
                    folder / "issuer.pem", "-CAkey", folder / "issuer.key", "-keyout", folder / "pss.key", "-out", folder / "pss.pem"],
                   check=True, capture_output=True)
    return Made((folder / "pss.pem").read_bytes(), (folder / "pss.key").read_bytes())


def _rsa(bits):
    if bits >= 1024:
        return rsa.generate_private_key(65537, bits)
    small = subprocess.run(["openssl", "genrsa", str(bits)], check=True, capture_output=True).stdout
    return serialization.load_pem_private_key(small, None)


def chains(root: Made, folder: Path) -> dict:
    """By its fault: what a server sends, the leaf first. What is right is so for both NAMES."""
    stranger, middle = authority("stranger"), authority("middle", root)
    lower, leaf = authority("lower", middle), made(issuer=root)
    ended, future = authority("ended", root, starts=-30, ends=-1), authority("future", root, starts=1)
    weak, small = authority("weak", root, key=_rsa(1024)), authority("small", root, key=_rsa(512))
    old = signed_with(hashes.SHA1(), authority("old", root), root)
    short = authority("short", root, path=0)
    below = authority("below", short)
    allowed, forbidden = x509.DNSName("elsewhere.example"), x509.DNSName("localhost")
    narrow = authority("narrow", root, critical=[x509.NameConstraints([allowed], None)])
    excluding = authority("excluding", root, critical=[x509.NameConstraints(None, [forbidden])])
    unheard_of = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
    return {
        "nothing": [leaf],
        "expired": [made(issuer=root, starts=-30, ends=-1)],
        "intermediate expired": [made(issuer=ended), ended],
        "not yet valid": [made(issuer=root, starts=1)],
        "intermediate not yet valid": [made(issuer=future), future],
        "expires soon": [made(issuer=root, ends=5)],
        "no name": [made(issuer=root, names=())],  # as of Milvus' recipe
        "no name, and an address as common name": [made("127.0.0.1", root, names=())],
        "no name, and another common name": [made("elsewhere", root, names=())],
        "another name": [made(issuer=root, names=("elsewhere.example", "10.9.8.7"))],
        "another address than the common name": [made("127.0.0.1", root, names=("10.9.8.7",))],
        "another name and common name": [made("elsewhere", issuer=root, names=("elsewhere.example", "10.9.8.7"))],
        "a name and no address": [made(issuer=root, names=("localhost",))],
        "an address and no name": [made(issuer=root, names=("127.0.0.1",))],
        "an address and another common name": [made("elsewhere", root, names=("127.0.0.1",))],
        "for clients alone": [made(issuer=root, purposes=(Purpose.CLIENT_AUTH,))],
        "for any purpose": [made(issuer=root, purposes=(Purpose.ANY_EXTENDED_KEY_USAGE,))],
        "for no purpose": [made(issuer=root, purposes=())],
        "a key for encipherment": [made(issuer=root, key=_rsa(2048), usages=("key_encipherment",))],
        "a key for agreement": [made(issuer=root, usages=("key_agreement",))],
        "a key for certificates": [made(issuer=root, usages=("key_cert_sign",), is_ca=True)],
        "an authority": [made(issuer=root, usages=("digital_signature", "key_cert_sign"), is_ca=True)],
        "RSA 1024": [made(issuer=root, key=_rsa(1024))],
        "intermediate with RSA 1024": [made(issuer=weak), weak],
        "intermediate with RSA 512": [made(issuer=small), small],
        "secp256k1": [made(issuer=root, key=ec.generate_private_key(ec.SECP256K1()))],
        "P-384": [made(issuer=root, key=ec.generate_private_key(ec.SECP384R1()))],
        "P-521": [made(issuer=root, key=ec.generate_private_key(ec.SECP521R1()))],
        "Ed25519": [made(issuer=root, key=ed25519.Ed25519PrivateKey.generate())],
        "Ed448": [made(issuer=root, key=ed448.Ed448PrivateKey.generate())],
        "RSA-PSS": [with_rsa_pss(root, folder)],
        "DSA": [made(issuer=root, key=dsa.generate_private_key(2048))],
        "SHA-1": [signed_with(hashes.SHA1(), leaf, root)],
        "intermediate with SHA-1": [made(issuer=old), old],
        "MD5": [signed_with(hashes.MD5(), leaf, root)],
        "wrong order": [made(issuer=lower), middle, lower],
        "strangers sent along": [leaf, stranger],
        "root sent along": [leaf, root],
        "broken chain": [made(issuer=lower), middle],
        "signed by itself": [made()],
        "unknown issuer": [made(issuer=stranger)],
        "unknown root sent along": [made(issuer=stranger), stranger],
        "missing intermediate": [made(issuer=middle)],
        "missing upper intermediate": [made(issuer=lower), lower],
        "signed by a leaf": [made(issuer=leaf), leaf],
        "forged": [forged(leaf)],
        "path too long": [made(issuer=below), below, short],
        "name not permitted": [made(issuer=narrow), narrow],
        "name excluded": [made(issuer=excluding), excluding],
        "unknown critical extension": [made(issuer=root, critical=[unheard_of])],
        "a long life": [made(issuer=root, ends=900)],
    }


class FaultyServers:
    """One server a fault: `ports` and, with the chains, `files` by fault. In `folder`: ca.pem, and a client's certificate for those that need one."""

    def __init__(self, folder: Path):
        self.folder, self.ca, self.servers, self.files = folder, folder / "ca.pem", [], {}
        self.ports = {}
        root = authority("root", key=_rsa(2048), ends=1000)
        client = made("client", root, names=(), purposes=(Purpose.CLIENT_AUTH,))
        self.ca.write_bytes(root.cert)
        (folder / "client.pem").write_bytes(client.cert)
        (folder / "client.key").write_bytes(client.key_pem())
        for fault, chain in chains(root, folder).items():
            self.files[fault] = folder / f"{len(self.files)}.pem"
            self.files[fault].write_bytes(b"".join(one.cert for one in chain))
            (folder / "served.key").write_bytes(chain[0].key_pem())
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.set_ciphers("DEFAULT:@SECLEVEL=0")  # or OpenSSL does not serve what is weak
            tls.set_alpn_protocols(["h2"])
            tls.load_cert_chain(self.files[fault], folder / "served.key")
            self.servers.append(FrameBackend(tls))
            self.ports[fault] = self.servers[-1].port

    def close(self):
        for server in self.servers:
            server.close()
