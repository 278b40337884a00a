"""Public keys whose signatures are trusted."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from streams.audit.signing import key_id, own_signer, signed_bytes
from streams.errors import UsageError
from streams.settings import Settings

Fault = Literal["unsigned", "unknown key", "wrong signature"]

_SETTING = "JIKIMI_AUDIT_TRUSTED_KEYS"
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)
_MAX_FILES, _MAX_BYTES = 1_000, 1024 * 1024


class TrustedKeys:
    """Public keys by their id.

    Parameters
    ----------
    pems
        Public keys, PEM.

    Raises
    ------
    ValueError
        One of them is no Ed25519 public key.
    """

    def __init__(self, pems: Iterable[bytes]) -> None:
        self.pems = {key_id(pem): pem for pem in pems}
        self._keys = {identifier: _loaded(pem) for identifier, pem in self.pems.items()}

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._keys

    def fault(self, identifier: str, signature: bytes, domain: str, body: bytes) -> Fault | None:
        """Return what is wrong with a signature, None if it is right."""
        if not signature:
            return "unsigned"
        if (key := self._keys.get(identifier)) is None:
            return "unknown key"
        try:
            key.verify(signature, signed_bytes(domain, body))
        except InvalidSignature:
            return "wrong signature"
        return None


def trusted_keys(settings: Settings) -> TrustedKeys:
    """Return the trusted keys: those of the setting, or this process's own key without it.

    Raises
    ------
    UsageError
        The setting names no public keys, or the own key cannot be read.
    """
    path = settings.audit.trusted_keys
    if path is None:
        return TrustedKeys([own_signer(settings).pem])
    try:
        pems = [pem for file in _files(path) for pem in _pems(file)]
        keys = TrustedKeys(pems)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{_SETTING}: {path}: {error}") from error
    if not pems:
        raise UsageError(f"{_SETTING}: {path} holds no public key, PEM; `jikimi audit keys` prints this machine's")
    return keys


def _files(path: Path) -> list[Path]:
    """Return the files of a folder but hidden ones, such as Kubernetes' own; at most a thousand."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))[:_MAX_FILES]


def _pems(file: Path) -> list[bytes]:
    with file.open("rb") as opened:
        return _PEM.findall(opened.read(_MAX_BYTES))


def _loaded(pem: bytes) -> Ed25519PublicKey:
    key = load_pem_public_key(pem)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("a public key that is not Ed25519")  # noqa: TRY004 - a fault of the file
    return key
