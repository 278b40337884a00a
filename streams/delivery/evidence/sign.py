"""Ed25519 signatures of evidence packs, and the key file."""

import os
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from streams.errors import UsageError

_SETTING = "JIKIMI_DELIVERY_SIGNING_KEY_FILE"
_READABLE_BY_ALL = 0o004


def load_key(file: Path | None) -> Ed25519PrivateKey:
    """Return the private key of a PEM file, which is created if it does not exist.

    Raises
    ------
    UsageError
        No file is set, everybody may read it, or it holds no Ed25519 key.
    """
    if file is None:
        raise UsageError(f"set {_SETTING} to the file of the key that signs packs; it is created if it does not exist")
    try:
        if not file.exists():
            _create(file)
        if file.stat().st_mode & _READABLE_BY_ALL:
            raise UsageError(f"{file}: every user of this machine can read the signing key: chmod 600 {file}")
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{_SETTING}: {file}: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{_SETTING}: {file} holds no Ed25519 key")
    return key


def _create(file: Path) -> None:
    """Write a new key under a name of its own, then give it the file's: two first uses end with one whole key."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    new = file.with_name(f"{file.name}.{os.getpid()}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:  # noqa: PTH123 - a descriptor
        opened.write(pem)
        os.fsync(opened.fileno())
    try:
        os.link(new, file)
    except FileExistsError:
        pass
    finally:
        new.unlink()


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """Return the public key as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(pem: bytes) -> str:
    """Return the SHA-256 of a public key's DER as 64 hexadecimal digits.

    Raises
    ------
    ValueError
        It is no public key.
    """
    return sha256(load_pem_public_key(pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def is_signed(statement: bytes, signature: bytes, pem: bytes) -> bool:
    """Return whether the signature is the public key's over the statement."""
    try:
        key = load_pem_public_key(pem)
        if not isinstance(key, Ed25519PublicKey):
            return False
        key.verify(signature, statement)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True
