"""Ids of references, which follow from the bytes of their files and the descriptors of their terms."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from schemas.ids import record_id
from schemas.messages import Reference
from streams.cases.entries import ADDED_TERMS, TERMS


def added_terms(case_id: str, pieces: Sequence[Reference]) -> list[Reference]:
    """Return pieces of terms as a further reference of an open case, which takes another second person's confirmation.

    Its id is the same for the same descriptors, and reveals no more than these do.
    """
    content = hashlib.sha256(b"\0".join(part for piece in pieces for part in (*piece.digests, piece.vectors.data)))
    added = ADDED_TERMS + record_id(TERMS, case_id, content.hexdigest())
    return [msgspec.structs.replace(piece, reference_id=added) for piece in pieces]


def reference_id(case_id: str, file: Path) -> str:
    """Return the id of a file as a reference of a case: the same for the same bytes."""
    return reference_id_of(case_id, digest_of(file))


def reference_id_of(case_id: str, digest: str) -> str:
    """Return the id of a file with this digest as a reference of a case."""
    return record_id("reference", case_id, digest)


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
