"""Posts and references of random vectors: a copy is its reference with some noise, all others are dissimilar."""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from schemas.ids import record_id
from schemas.matrix import pack
from schemas.messages import Case, Descriptors, Parts, Policy, PostRef, Reference, Segment

type Vectors = npt.NDArray[np.float32]

COLUMNS, ROWS = 512, 8  # so wide that random vectors are never similar
MODEL, VERSION = "made", "1"
POLICY = Policy(act=0.95, review=0.5, version="act=0.95,review=0.5")


def footage(seed: int) -> Vectors:
    """Return the vectors of one video."""
    rows = np.random.default_rng(seed).normal(size=(ROWS, COLUMNS)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def copied(rows: Vectors) -> Vectors:
    """Return a worse copy."""
    noisy = rows + np.random.default_rng(0).normal(scale=0.01, size=rows.shape).astype(np.float32)
    copy: Vectors = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    return copy


def post_ref(post_id: str) -> PostRef:
    now = datetime.now(UTC)
    return PostRef(
        post_id=post_id, platform="made", url=f"https://made.example/{post_id}", published_at=now, seen_at=now
    )


def described(post_id: str, rows: Vectors, *, segment: int = 0, parts: Parts | None = None) -> Descriptors:
    """Return descriptors as the visual stage writes them."""
    where = Segment(
        post=post_ref(post_id),
        parts=parts or Parts(visual=1, audio=0, text=0),
        segment=segment,
        medium=0,
        start_s=0.0,
        duration_s=float(ROWS),
    )
    return Descriptors(
        descriptor_id=record_id("made", post_id, segment),
        segment=where,
        modality="visual",
        model=MODEL,
        version=VERSION,
        vectors=pack(rows),
        times_s=[float(row) for row in range(len(rows))],
    )


def reference(rows: Vectors, reference_id: str = "r1") -> Reference:
    """Return one piece of one reference."""
    return Reference(
        reference_id=reference_id,
        segment=0,
        modality="visual",
        model=MODEL,
        version=VERSION,
        start_s=0.0,
        duration_s=float(ROWS),
        vectors=pack(rows),
        times_s=[float(row) for row in range(len(rows))],
    )


def entry(case_id: str, piece: Reference | None = None) -> Case:
    """Return a case's policy entry, or one of a reference."""
    policy = POLICY if piece is None else None
    return Case(case_id=case_id, name="made", opened_at=datetime.now(UTC), policy=policy, reference=piece)
