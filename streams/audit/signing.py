"""Ed25519 signatures, and the key file of this process."""

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
from streams.secrets import whole_file
from streams.settings import Settings

_SETTING = "JIKIMI_AUDIT_SIGNING_KEY_FILE"
_READABLE_BY_ALL = 0o004
_ID_DIGITS = 16


class Signer:
    """Signatures with a private key.

    Parameters
    ----------
    key
        Key of this process.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.pem = public_pem(key)
        """Public key, PEM."""
        self.key_id = key_id(self.pem)
        """Id of the public key."""

    def sign(self, domain: str, body: bytes) -> bytes:
        """Return the signature of 64 bytes over what `signed_bytes` returns."""
        return self._key.sign(signed_bytes(domain, body))


def signed_bytes(domain: str, body: bytes) -> bytes:
    """Return the bytes that are signed; the domain keeps a signature of one kind from passing for another."""
    return domain.encode() + b"\0" + body


def own_signer(settings: Settings) -> Signer:
    """Return the signer of this process; raises as `load_key` does."""
    return Signer(load_key(settings.audit.key_file))


def load_key(file: Path) -> Ed25519PrivateKey:
    """Return the private key of a PEM file, which is created if it does not exist.

    Raises
    ------
    UsageError
        Everybody may read the file, it holds no Ed25519 key, or it cannot be created.
    """
    try:
        if not file.exists():
            whole_file.create(file, _new_pem())
        if file.stat().st_mode & _READABLE_BY_ALL:
            raise UsageError(f"{file}: every user of this machine can read the signing key: chmod 600 {file}")
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{_SETTING}: {file}: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{_SETTING}: {file} holds no Ed25519 key")
    return key


def _new_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """Return the public key as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(pem: bytes) -> str:
    """Return the SHA-256 of a public key's DER as 64 hexadecimal digits.

    Raises
    ------
    ValueError
        It is not a public key, or of a kind unknown here.
    """
    try:
        key = load_pem_public_key(pem)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def key_id(pem: bytes) -> str:
    """Return the id of a public key: the first 16 digits of its fingerprint; raises as `fingerprint` does."""
    return fingerprint(pem)[:_ID_DIGITS]


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
