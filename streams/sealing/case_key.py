"""Data keys of cases: the thumbnails in a case's matches, verdicts, takedowns and labels are sealed with them.

The key lies in the case's entry, itself sealed by the keyring. When the case is withdrawn the entry is erased, and what
was sealed with the key is unreadable wherever a copy of it is left.

AES-256-SIV (RFC 5297), because it is deterministic: a record that is matched twice has the same evidence both times,
and fusion counts it once.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import tink
from tink import daead, proto_keyset_format, secret_key_access

from streams.errors import RecordError, UnprocessableError
from streams.sealing.keyring import Keyring, place

_MAGIC = b"JC1"
_MAX_KEYS = 1024
"""Unsealed keys kept at once; making one takes 0.1 ms."""


class Scene(NamedTuple):
    """What an evidence thumbnail is of."""

    case_id: str
    post_id: str
    medium: int


def new_case_key(keyring: Keyring, case_id: str) -> bytes:
    """Return a new data key, sealed for the case's entry."""
    daead.register()
    handle = tink.new_keyset_handle(daead.deterministic_aead_key_templates.AES256_SIV)
    key = proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    return keyring.seal("cases", key, _of_key(case_id))


def is_sealed_for_case(thumbnail: bytes) -> bool:
    """Return whether a thumbnail is sealed under a case's key; earlier versions stored the JPEG."""
    return thumbnail.startswith(_MAGIC)


class CaseSeal:
    """Seals and unseals thumbnails with the keys of cases."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._cipher = lru_cache(maxsize=_MAX_KEYS)(self._opened)

    def seal(self, case_key: bytes, thumbnail: bytes, scene: Scene) -> bytes:
        """Return a thumbnail sealed with a case's key; raises as `Keyring.unseal` if the key cannot be unsealed."""
        sealed: bytes = self._cipher(scene.case_id, case_key).encrypt_deterministically(thumbnail, place(*scene))
        return _MAGIC + sealed

    def unseal(self, case_key: bytes, sealed: bytes, scene: Scene) -> bytes | None:
        """Return a thumbnail, None if it cannot be unsealed: the case was withdrawn, or the keys are others."""
        try:
            cipher = self._cipher(scene.case_id, case_key)
            content: bytes = cipher.decrypt_deterministically(sealed.removeprefix(_MAGIC), place(*scene))
        except (RecordError, tink.TinkError):
            return None
        return content

    def _opened(self, case_id: str, case_key: bytes) -> Any:  # noqa: ANN401 - a primitive of Tink, which ships no types
        daead.register()
        key = self._keyring.unseal("cases", case_key, _of_key(case_id))
        try:
            return proto_keyset_format.parse(key, secret_key_access.TOKEN).primitive(daead.DeterministicAead)
        except tink.TinkError:
            raise UnprocessableError("seal_broken", f"the data key of case {case_id} is malformed") from None


def _of_key(case_id: str) -> bytes:
    return place("case.key", case_id)
