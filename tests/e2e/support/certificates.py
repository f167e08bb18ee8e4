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


def leaf(folder: Path, name: str, ca: tuple, *, starts=-1, ends=30, purposes=(ExtendedKeyUsageOID.CLIENT_AUTH,), serial=None, dns=(), seconds=None) -> tuple:
    """A leaf signed by `ca` (paths of certificate and key), valid from `starts` to `ends` days from now, or for `seconds`; (certificate, key) paths."""
    issuer = x509.load_pem_x509_certificate(Path(ca[0]).read_bytes())
    signing = serialization.load_pem_private_key(Path(ca[1]).read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(_name(name)).issuer_name(issuer.subject).public_key(key.public_key())
    builder = builder.serial_number(serial or x509.random_serial_number()).not_valid_before(now + datetime.timedelta(days=starts))
    ends = now + (datetime.timedelta(days=ends) if seconds is None else datetime.timedelta(seconds=seconds))
    builder = builder.not_valid_after(ends).add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False)
    if dns:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in dns]), False)
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
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False)  # OpenSSL 3 adds it
    return _write(folder, name, builder.sign(signing, hashes.SHA256()), key)


def crl(file: Path, ca: tuple, revoked=(), *, hours=24) -> Path:
    """The CRL of `ca` with these certificates (paths) in it, put in place by a rename."""
    issuer = x509.load_pem_x509_certificate(Path(ca[0]).read_bytes())
    signing = serialization.load_pem_private_key(Path(ca[1]).read_bytes(), None)
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject).last_update(now - datetime.timedelta(hours=1))
    builder = builder.next_update(now + datetime.timedelta(hours=hours)).add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False)
    for cert in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial_of(cert)).revocation_date(now - datetime.timedelta(minutes=1))
        builder = builder.add_revoked_certificate(entry.build())
    written = file.with_suffix(".new")
    written.write_bytes(builder.sign(signing, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    written.rename(file)
    return file


def sha256_of(cert: Path) -> str:
    return x509.load_pem_x509_certificate(Path(cert).read_bytes()).fingerprint(hashes.SHA256()).hex()


def serial_of(cert: Path) -> int:
    return x509.load_pem_x509_certificate(Path(cert).read_bytes()).serial_number
