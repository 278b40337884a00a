"""Running digest of a partition: SHA-256 over offset, key and value of its records, in order, from the first one on.

Offsets that a transaction's control records take are left out, as readers are not given them.
"""

import struct
from hashlib import sha256

NOTHING = bytes(32)
"""Digest of no records."""
_HEAD = struct.Struct(">qqq")


def extended(digest: bytes, offset: int, key: bytes | None, value: bytes | None) -> bytes:
    """Return the digest with one more record."""
    head = _HEAD.pack(offset, -1 if key is None else len(key), -1 if value is None else len(value))
    return sha256(digest + head + (key or b"") + (value or b"")).digest()
