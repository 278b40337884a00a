"""Interface of peers: they describe files, and compare descriptions by one or several rules."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import numpy.typing as npt

from schemas.messages import Modality

type Samples = npt.NDArray[np.float32]
"""Mono, -1 to 1."""
type Picture = npt.NDArray[np.uint8]
type Scores = Mapping[str, list[float]]
"""Scores of a query with each reference, in their order, by rule; 0 without a match."""


class Peer(Protocol):
    """Method to compare with."""

    @property
    def modality(self) -> Modality:
        """Modality that it describes."""

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of its rows in the table."""

    def describe(self, path: Path) -> Any:  # noqa: ANN401 - each peer has its own type
        """Return the description of a file, which may be empty."""

    def add_references(self, references: list[Any]) -> None:
        """Add the descriptions of all references."""

    def search(self, query: Any) -> Scores:  # noqa: ANN401 - likewise
        """Return the scores of a query with every reference."""


def pictures(path: Path, per_second: float = 1.0) -> Iterator[Picture]:
    """Yield `per_second` frames a second, RGB."""
    with av.open(path) as container:
        if not container.streams.video:
            return
        container.streams.video[0].codec_context.thread_count = 1
        due_s = 0.0
        for frame in container.decode(video=0):
            if (frame.time or 0.0) >= due_s:
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                due_s += 1 / per_second


def key_frames(path: Path) -> Iterator[Picture]:
    """Yield the key frames, RGB; the picture of a still."""
    with av.open(path) as container:
        if not container.streams.video:
            return
        context = container.streams.video[0].codec_context
        context.thread_count, context.skip_frame = 1, "NONKEY"
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def samples(path: Path, rate_hz: int) -> Samples:
    """Return the sound of a file, empty without one."""
    with av.open(path) as container:
        if not container.streams.audio:
            return np.zeros(0, np.float32)
        resampler = av.AudioResampler("s16", "mono", rate_hz)
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return (np.concatenate(parts) / 32768).astype(np.float32) if parts else np.zeros(0, np.float32)


def duration_s(path: Path) -> float:
    """Return the duration of a file, seconds."""
    with av.open(path) as container:
        return float(Fraction(container.duration or 0, av.time_base))
