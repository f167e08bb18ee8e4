"""Certificates that a client should not have: signed by the right authority and bad in one thing, or by another one."""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def _name(common):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "sallyport tests"), x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _write(folder: Path, name: str, certificate, key) -> tuple:
    cert, pem = folder / f"{name}.pem", folder / f"{name}.key"
    cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem.touch(mode=0o600)
    pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return cert, pem


def authority(folder: Path, name="other-ca") -> tuple:
    """An authority that nobody trusts: the paths of its certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(_name(name)).issuer_name(_name(name)).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=30)).add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
    return _write(folder, name, builder.sign(key, hashes.SHA256()), key)


def leaf(folder: Path, name: str, ca: tuple, *, starts=-1, ends=30, purposes=(ExtendedKeyUsageOID.CLIENT_AUTH,), serial=None) -> tuple:
    """A leaf signed by `ca` (paths of certificate and key), valid from `starts` to `ends` days from now; (certificate, key) paths."""
    issuer = x509.load_pem_x509_certificate(Path(ca[0]).read_bytes())
    signing = serialization.load_pem_private_key(Path(ca[1]).read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(_name(name)).issuer_name(issuer.subject).public_key(key.public_key())
    builder = builder.serial_number(serial or x509.random_serial_number()).not_valid_before(now + datetime.timedelta(days=starts))
    builder = builder.not_valid_after(now + datetime.timedelta(days=ends)).add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), False)
    return _write(folder, name, builder.sign(signing, hashes.SHA256()), key)


def self_signed(folder: Path, name="self-signed") -> tuple:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(_name(name)).issuer_name(_name(name)).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=30))
    return _write(folder, name, builder.sign(key, hashes.SHA256()), key)


def without_extensions(folder: Path, name: str, ca: tuple) -> tuple:
    """As the recipe of Milvus' documentation makes client certificates: no subjectAltName, no extended key usage."""
    issuer = x509.load_pem_x509_certificate(Path(ca[0]).read_bytes())
    signing = serialization.load_pem_private_key(Path(ca[1]).read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(_name(name)).issuer_name(issuer.subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=30)).add_extension(x509.BasicConstraints(ca=False, path_length=None), False)
    return _write(folder, name, builder.sign(signing, hashes.SHA256()), key)


def serial_of(cert: Path) -> int:
    return x509.load_pem_x509_certificate(Path(cert).read_bytes()).serial_number
