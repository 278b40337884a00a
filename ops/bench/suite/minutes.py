"""Archived minutes without number: real descriptors multiplied by a seeded perturbation, each made again when wanted.

A minute that has nothing of a case keeps a cosine of 0.2 with the real rows that it was made of; a copy keeps 0.6 to
0.8, as after an edit. What is added to the rows has the spectrum of real ones, as in ops/bench/made_vectors.py.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from ops.bench.first_pass.__main__ import records_of
from ops.bench.suite.models import load_models
from schemas.matrix import pack, unpack
from schemas.messages import Descriptors, Frames, PostRef, Sounds
from streams.describe.audio import describe_sounds
from streams.describe.visual import describe_frames

type Rows = npt.NDArray[np.float32]

_UNRELATED, _COPIES = 0.2, (0.6, 0.7, 0.8)
_SPECTRUM = -0.32
_CLIPS = 5
"""Clips in a minute."""
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)


class Minutes:
    """Minutes of posts, numbered; two descriptors each, of pictures and of sound.

    Parameters
    ----------
    files
        Short clips with sound, which follow each other in a minute; the first is in the copies alone.
    cosines
        Of the rows of the copies with the real ones: of each copy one of these.
    one_copy_in
        Minutes of which one is a copy.
    """

    def __init__(
        self, files: Sequence[Path], seed: int, cosines: Sequence[float] = _COPIES, one_copy_in: int = 200
    ) -> None:
        self._seed, self._cosines, self._one_copy_in = seed, cosines, one_copy_in
        self._clips = [describe_file(file) for file in files]

    def is_copy(self, number: int) -> bool:
        """Return whether a minute has a copy of the first clip."""
        return number % self._one_copy_in == 0

    def cosine(self, number: int) -> float:
        """Return the cosine of a minute's rows with the real ones."""
        random = np.random.default_rng([self._seed, number, 1])
        return float(random.choice(self._cosines)) if self.is_copy(number) else _UNRELATED

    def of(self, number: int) -> list[Descriptors]:
        """Return the descriptors of a minute, the same each time."""
        random = np.random.default_rng([self._seed, number])
        others = 1 + random.permutation(len(self._clips) - 1)
        clips = [self._clips[at] for at in ([0] if self.is_copy(number) else []) + others.tolist()]
        cosine = self.cosine(number)
        seen_at = _FIRST + timedelta(minutes=number)
        return [
            self._perturbed(_joined(one), number, seen_at, cosine, random) for one in zip(*clips[:_CLIPS], strict=True)
        ]

    def _perturbed(
        self, real: Descriptors, number: int, seen_at: datetime, cosine: float, random: np.random.Generator
    ) -> Descriptors:
        rows = unpack(real.vectors)
        # Half of the change is the recording's, half the row's: the rows of one recording resemble each other.
        change = _unit(_drawn(random, 1, rows.shape[1]) + _drawn(random, *rows.shape))
        made = _unit(cosine * rows + np.sqrt(1 - cosine**2, dtype=np.float32) * change)
        post = PostRef(
            post_id=f"minute-{number}", platform="made", url="https://made.example", published_at=seen_at,
            seen_at=seen_at,
        )  # fmt: skip
        segment = msgspec.structs.replace(real.segment, post=post)
        return msgspec.structs.replace(real, segment=segment, vectors=pack(made), digests=[], thumbnails=[])


def describe_file(file: Path) -> list[Descriptors]:
    """Return the descriptors of pictures and of sound of a file's first minute, by the functions of the stages."""
    models, found = load_models(), []
    for message in records_of(file):
        if isinstance(message, Frames) and not message.segment.segment:
            found.append(describe_frames(models.visual, message).message)
        elif isinstance(message, Sounds) and not message.segment.segment:
            found.append(describe_sounds(models.audio, message).message)
    return sorted((one for one in found if isinstance(one, Descriptors)), key=lambda one: one.modality)


def _joined(clips: Sequence[Descriptors]) -> Descriptors:
    """Return the descriptors of clips that follow each other, as one segment."""
    rows = np.concatenate([unpack(one.vectors) for one in clips])
    starts_s = np.cumsum([0.0, *(one.segment.duration_s for one in clips)]).tolist()
    times_s = [time_s + start_s for one, start_s in zip(clips, starts_s, strict=False) for time_s in one.times_s]
    segment = msgspec.structs.replace(clips[0].segment, duration_s=starts_s[-1])
    return msgspec.structs.replace(clips[0], segment=segment, vectors=pack(rows), times_s=times_s, views=[])


def _drawn(random: np.random.Generator, n: int, columns: int) -> Rows:
    scale = np.arange(1, columns + 1, dtype=np.float32) ** np.float32(_SPECTRUM)
    return _unit(random.standard_normal((n, columns), np.float32) * scale)


def _unit(rows: Rows) -> Rows:
    of_length_one: Rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return of_length_one
