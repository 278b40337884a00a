"""Records for a bench: of made vectors, and of files."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from schemas.matrix import pack
from schemas.messages import Descriptors, Medium, Modality, Parts, Post, PostRef, Reference, Segment

_NOW = datetime.now(UTC)
type Vectors = npt.NDArray[np.float32]
type Times = npt.NDArray[np.float64]


def made_piece(modality: Modality, vectors: Vectors, times_s: Times, duration_s: float) -> Reference:
    """Return a piece of a reference; vectors (n, d) of length 1 at times (n,)."""
    return Reference(
        reference_id="r1",
        segment=0,
        modality=modality,
        model="made",
        version="1",
        start_s=0.0,
        duration_s=duration_s,
        vectors=pack(vectors),
        times_s=times_s.tolist(),
    )


def made_descriptors(modality: Modality, vectors: Vectors, times_s: Times, duration_s: float) -> Descriptors:
    """Return the descriptors of one segment; vectors (n, d) of length 1 at times (n,)."""
    post = PostRef(post_id="made", platform="made", url="", published_at=_NOW, seen_at=_NOW)
    parts = Parts(visual=1, audio=1, text=0)
    return Descriptors(
        descriptor_id="made",
        segment=Segment(post=post, parts=parts, segment=0, medium=0, start_s=0.0, duration_s=duration_s),
        modality=modality,
        model="made",
        version="1",
        vectors=pack(vectors),
        times_s=times_s.tolist(),
    )


def made_post(file: Path) -> Post:
    """Return a post with a file."""
    return Post(
        post_id=file.stem, platform="bench", url="https://example.org", published_at=_NOW, seen_at=_NOW,
        caption="a caption of some words #tag", media=[Medium(url=file.as_uri())],
    )  # fmt: skip
