"""What the three describing stages share: the id and the key of a descriptor, and which model made it."""

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from schemas.ids import record_id
from schemas.matrix import pack
from schemas.messages import Descriptors, Modality, Segment, Sounds, Thumbnail
from streams.engine.record import Output
from streams.errors import UnprocessableError
from streams.telemetry import metrics


class Model(Protocol):
    """Any model: what names its vectors' space."""

    name: str
    version: str


class Heard(Protocol):
    """What a model of sound makes of samples."""

    @property
    def vectors(self) -> npt.NDArray[np.float32]:
        """Shape (n, d), L2-normalised."""

    @property
    def times_s(self) -> npt.NDArray[np.float64]:
        """Shape (n,), since the first sample."""


class SoundModel(Model, Protocol):
    """A model of sound."""

    @property
    def rate_hz(self) -> int:
        """Sample rate that it takes."""

    def describe(self, pcm: npt.NDArray[np.int16]) -> Heard:
        """Describe mono samples."""


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
) -> Descriptors:
    """Return a segment's descriptors.

    Parameters
    ----------
    vectors
        float32 (n, d), L2-normalised; stored as float16.
    times_s
        One per row, in the medium.
    """
    parts = (segment.post.post_id, segment.segment, modality, model.name, model.version)
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
    )


def observed[**P, R](modality: Modality, call: Callable[P, R], count: Callable[[R], int]) -> Callable[P, R]:
    """Return a model's call, timed and its rows counted."""

    def timed(*args: P.args, **options: P.kwargs) -> R:
        began_s = time.perf_counter()
        result = call(*args, **options)
        metrics.MODEL_SECONDS.labels(modality).observe(time.perf_counter() - began_s)
        metrics.BATCH_ROWS.labels(modality).observe(count(result))
        return result

    return timed


def describe_sound(modality: Modality, model: SoundModel, message: Sounds) -> Output:
    """Return one modality's descriptors of one segment's sound.

    Raises
    ------
    UnprocessableError
        These are not samples that the model takes.
    """
    if message.rate_hz != model.rate_hz or len(message.pcm) % 2:
        raise UnprocessableError("sound_unreadable", f"{model.name} wants 16-bit samples at {model.rate_hz} Hz")
    heard = observed(modality, model.describe, lambda heard: len(heard.vectors))(np.frombuffer(message.pcm, "<i2"))
    times_s = (heard.times_s + message.segment.start_s).tolist()
    found = descriptors(message.segment, modality, model, heard.vectors, times_s)
    return Output("descriptors", descriptor_key(message.segment, modality), found)


def descriptor_key(segment: Segment, modality: Modality) -> str:
    """Return the key that spreads a post's segments over the partitions."""
    return f"{segment.post.post_id}/{segment.segment}/{modality}"
