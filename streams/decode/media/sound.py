"""Sound as mono PCM, placed on the media clock. Runs in the sandbox."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from streams.decode.media.coverage import Stretches

Pcm = npt.NDArray[np.int16]
"""Mono samples, shape (n,)."""
type _Kind = tuple[int, str, str]
"""Rate, format and layout of a frame."""

_JITTER_S = 0.1
"""Containers round timestamps; only a larger jump is a gap."""
_MAX_MIXED = 8
"""Channels that libav mixes whatever their order is."""
_JOINED_SAMPLES = 32768
"""Samples, of each channel, resampled in one call; a quarter of them takes nearly twice as long in all."""


class SoundTrack:
    """The sound of one medium, taken segment by segment.

    Parameters
    ----------
    timed
        Time on the media clock, seconds, and frame, of any format and rate.
    rate_hz
        Sample rate of the returned PCM.
    start_s
        Time before which there is no sound.
    lead_s
        How much of the last segment is kept as the lead of the next one.
    """

    def __init__(
        self, timed: Iterable[tuple[float, AudioFrame]], rate_hz: int, start_s: float = 0.0, lead_s: float = 0.0
    ) -> None:
        self._rate_hz = rate_hz
        self._chunks = placed(timed, rate_hz, start_s)
        self._rest: tuple[int, Pcm] | None = None
        self.decoded = Stretches()
        """Times of which samples were decoded."""
        self._lead_samples = round(lead_s * rate_hz)
        self._last, self._last_stop = np.zeros(0, np.int16), -1

    def take(self, start_s: float, duration_s: float) -> Pcm:
        """Return exactly round(duration x rate) samples, silent where the medium has no sound."""
        start, stop = round(start_s * self._rate_hz), round((start_s + duration_s) * self._rate_hz)
        canvas = np.zeros(stop - start, np.int16)
        while chunk := self._rest or next(self._chunks, None):
            position, pcm = chunk
            self.decoded.add(position / self._rate_hz, (position + len(pcm)) / self._rate_hz)
            if position >= stop:
                self._rest = chunk
                break
            inside = pcm[max(0, start - position) : stop - position]
            offset = max(0, position - start)
            canvas[offset : offset + len(inside)] = inside
            self._rest = (stop, pcm[stop - position :]) if position + len(pcm) > stop else None
        self._last, self._last_stop = canvas[max(0, len(canvas) - self._lead_samples) :], stop
        return canvas

    def lead(self, start_s: float) -> Pcm:
        """Return the samples that directly precede a time, at most `lead_s`; none unless they were taken last."""
        return self._last if self._last_stop == round(start_s * self._rate_hz) else np.zeros(0, np.int16)


def placed(timed: Iterable[tuple[float, AudioFrame]], rate_hz: int, from_s: float = 0.0) -> Iterator[tuple[int, Pcm]]:
    """Yield stretches of PCM, each with the index of its first sample on the media clock, never overlapping."""
    end = round(from_s * rate_hz)
    for start_s, stretch in _stretches(timed):
        position = round(start_s * rate_hz)
        for pcm in _resampled(stretch, rate_hz):
            fresh = pcm[max(0, end - position) :]  # samples of timestamps that step back are dropped as duplicates
            if len(fresh):
                yield position + len(pcm) - len(fresh), fresh
            position += len(pcm)
            end = max(end, position)


def _stretches(timed: Iterable[tuple[float, AudioFrame]]) -> Iterator[tuple[float, Iterator[AudioFrame]]]:
    """Yield runs of frames that follow each other without a gap and share one format, with their start."""
    source = iter(timed)
    pending = next(source, None)

    def run(start_s: float, kind: _Kind) -> Iterator[AudioFrame]:
        nonlocal pending
        expected_s = start_s
        while pending and abs(pending[0] - expected_s) <= _JITTER_S and _kind(pending[1]) == kind:
            yield pending[1]
            expected_s += pending[1].samples / pending[1].sample_rate
            pending = next(source, None)

    while pending:
        yield pending[0], run(pending[0], _kind(pending[1]))


def _kind(frame: AudioFrame) -> _Kind:
    return frame.sample_rate, frame.format.name, frame.layout.name


def _resampled(stretch: Iterable[AudioFrame], rate_hz: int) -> Iterator[Pcm]:
    resampler = AudioResampler(format="s16", layout="mono", rate=rate_hz)
    for frame in chain(_joined(stretch), [None]):
        for resampled in _accepted(resampler, frame):
            yield resampled.to_ndarray()[0].astype(np.int16, copy=False)


def _joined(stretch: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
    """Yield the samples of these frames in longer ones: a call costs more than the resampling of 1024 samples."""
    queue = AudioFifo()
    for frame in stretch:
        try:
            queue.write(_few_channels(frame))
        except (av.error.ArgumentError, ValueError):  # ValueError: PyAV reads no more than eight planes
            continue
        if queue.samples >= _JOINED_SAMPLES and (joined := queue.read()) is not None:
            yield joined
    if queue.samples and (joined := queue.read()) is not None:
        yield joined


def _accepted(resampler: AudioResampler, frame: AudioFrame | None) -> list[AudioFrame]:
    """Return what a frame becomes; nothing of one that no resampler takes: it is then missing."""
    try:
        return resampler.resample(frame)
    except (av.error.ArgumentError, ValueError):
        return []


def _few_channels(frame: AudioFrame) -> AudioFrame:
    """Return the mean of many channels: the resampler mixes no more than it has names for."""
    frame.pts = None  # with timestamps the resampler would fill gaps itself
    n_channels = frame.layout.nb_channels
    if n_channels <= _MAX_MIXED:
        return frame
    samples: Any = frame.to_ndarray()
    channels = samples if frame.format.is_planar else samples.reshape(-1, n_channels).T
    mean = channels.mean(axis=0, dtype=np.float64).astype(samples.dtype)
    mixed = AudioFrame.from_ndarray(mean[np.newaxis], format=frame.format.name, layout="mono")
    mixed.sample_rate = frame.sample_rate
    return mixed
