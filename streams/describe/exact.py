"""Keyed digests of whole media, by which exact copies are found.

HMAC-SHA-256 under the key of the term digests, cut to 16 bytes: without the key nobody can test on the broker whether a
known file is registered.
"""

import hashlib
import hmac
from collections.abc import Iterable

import structlog

from models.text.terms import DIGEST_BYTES
from schemas.messages import Matrix
from streams.settings import Settings

log = structlog.get_logger()

_DOMAIN = b"medium\0"
"""No digest of a term has it in front."""


def exact_key(settings: Settings) -> bytes | None:
    """Return the key of these digests, None where no key is set: exact copies are then found as any others are."""
    if not settings.term_key.get_secret_value():
        log.warning("exact copies are not looked for: JIKIMI_TERM_KEY is not set")
        return None
    return settings.required_term_key()


def exact_digests(digests: Iterable[bytes], vectors: Matrix, key: bytes | None) -> list[bytes]:
    """Return a medium's digests under the key.

    None without any vector: blank pictures and silence are equal in many media.
    """
    if key is None or not vectors.rows:
        return []
    return [keyed(digest, key) for digest in digests]


def keyed(digest: bytes, key: bytes) -> bytes:
    """Return the digest of a whole medium under the key, 16 bytes."""
    return hmac.digest(key, _DOMAIN + digest, hashlib.sha256)[:DIGEST_BYTES]
