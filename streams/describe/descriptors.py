"""Descriptors as records: id, key and model, common to the describing stages."""

import time
from collections.abc import Callable
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from schemas.ids import record_id
from schemas.matrix import pack
from schemas.messages import Descriptors, Modality, Segment, Sounds, Thumbnail
from streams.describe.exact import exact_digests
from streams.engine.record import Output
from streams.errors import UnprocessableError
from streams.telemetry import metrics


class Model(Protocol):
    """Any model; name and version identify its vector space."""

    name: str
    version: str


class SoundDescriptors(Protocol):
    """Descriptors of a stretch of sound."""

    @property
    def vectors(self) -> npt.NDArray[np.float32]:
        """Shape (n, d), L2-normalised."""

    @property
    def times_s(self) -> npt.NDArray[np.float64]:
        """Shape (n,), since the first sample."""


class SegmentSound(Protocol):
    """Sound of a segment, with the end of the one before."""

    @property
    def pcm(self) -> bytes:
        """Mono int16, little-endian, from lead_s before the segment."""

    @property
    def lead_s(self) -> float:
        """Seconds of it that precede the segment."""


class SoundModel(Model, Protocol):
    """A model of sound."""

    @property
    def rate_hz(self) -> int:
        """Required sample rate, Hz."""

    def describe(self, pcm: npt.NDArray[np.int16]) -> SoundDescriptors:
        """Describe mono samples at `rate_hz`, shape (n,)."""


def descriptors(
    segment: Segment,
    modality: Modality,
    model: Model,
    vectors: npt.NDArray[np.float32],
    times_s: list[float],
    *,
    views: list[int] | None = None,
    digests: list[bytes] | None = None,
    thumbnails: list[Thumbnail] | None = None,
    links: list[str] | None = None,
    look: int = 0,
) -> Descriptors:
    """Return a segment's descriptors.

    Parameters
    ----------
    vectors
        float32 (n, d), L2-normalised; stored as float16.
    times_s
        One per row, in the medium.
    look
        Number of the second look, 0 in the first pass.
    """
    parts = (segment.post.post_id, segment.segment, modality, model.name, model.version, *([look] if look else []))
    return Descriptors(
        descriptor_id=record_id("descriptors", *parts),
        segment=segment,
        modality=modality,
        model=model.name,
        version=model.version,
        vectors=pack(vectors),
        times_s=times_s,
        views=views or [],
        digests=digests or [],
        thumbnails=thumbnails or [],
        links=links or [],
        look=look,
    )


def observed[**P, R](modality: Modality, call: Callable[P, R], count: Callable[[R], int]) -> Callable[P, R]:
    """Return a model's call that also observes its duration and its number of rows as metrics."""

    def timed(*args: P.args, **options: P.kwargs) -> R:
        began_s = time.perf_counter()
        result = call(*args, **options)
        metrics.MODEL_SECONDS.labels(modality).observe(time.perf_counter() - began_s)
        metrics.BATCH_ROWS.labels(modality).observe(count(result))
        return result

    return timed


def describe_sound(
    modality: Modality, model: SoundModel, message: Sounds, key: bytes | None = None, *, every: int = 1
) -> Output:
    """Return one modality's descriptors of one segment's sound; `key` is that of its digests, if these are wanted.

    Parameters
    ----------
    every
        1 keeps every row, 2 every second one.

    Raises
    ------
    UnprocessableError
        The model does not take these samples.
    """
    if message.rate_hz != model.rate_hz or len(message.pcm) % 2:
        raise UnprocessableError("sound_unreadable", f"{model.name} requires 16-bit samples at {model.rate_hz} Hz")
    vectors, times_s = sound_rows(modality, model, message, message.segment.start_s)
    found = descriptors(message.segment, modality, model, vectors[::every], times_s[::every])
    found = msgspec.structs.replace(found, digests=exact_digests(message.digests, found.vectors, key))
    return Output("descriptors", descriptor_key(message.segment, modality), found)


def sound_rows(
    modality: Modality, model: SoundModel, sound: SegmentSound, start_s: float
) -> tuple[npt.NDArray[np.float32], list[float]]:
    """Return the rows of a segment's sound, shape (n, d), and their times in the medium.

    Fingerprints extend over the border of two segments; a voice's windows do not, because its pauses are left out.

    Parameters
    ----------
    start_s
        Start of the segment in the medium; its lead precedes it.
    """
    lead = round(sound.lead_s * model.rate_hz)
    before = 0 if modality == "audio" else lead
    describe = observed(modality, model.describe, lambda described: len(described.vectors))
    found = describe(np.frombuffer(sound.pcm, "<i2")[before:])
    return found.vectors, (found.times_s + (start_s - (lead - before) / model.rate_hz)).tolist()


def descriptor_key(segment: Segment, modality: Modality) -> str:
    """Return a record key that spreads a post's segments over partitions."""
    return f"{segment.post.post_id}/{segment.segment}/{modality}"
