"""Voice model: descriptors of speech, near for one person whatever the words, farther for another person.

The spectrogram is Resemblyzer's: power, not its logarithm, in 40 mel bands (Slaney's), 25 ms each 10 ms at 16 kHz. At
8 kHz it is the same without resampling: a window of 25 ms has its lines at the same frequencies, those above 4 kHz are
empty, and half the samples sum to half the amplitude.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from models.voice.export import DIMENSIONS, N_BANDS, N_FRAMES

RATE_HZ = 8000
_TRAINED_HZ = 16000
_FRAME, _STEP = RATE_HZ // 40, RATE_HZ // 100
"""Samples of a frame, 25 ms, and between frames, 10 ms."""
_HOP = N_FRAMES // 2
"""Frames between windows."""
_SILENCE_DB = -60.0
"""Least level of speech relative to full scale, also in quiet recordings."""
_RANGE_DB = 40.0
"""Range below the loud frames of a segment; quieter frames are pauses."""
_SPREAD = 19
"""Frames over which activity is smoothed: pauses between sounds and words are kept."""
_LEVEL_DB = -30.0
"""Level of the windows in the encoder's training; its input is power, not its logarithm, so the level must match."""
_LEAST_SWING = 1.0
"""Least deviation of a window's logarithmic power, in nats: speech has gaps, most music and all noise have few.

Saunders 1996 and Scheirer & Slaney 1997 distinguish speech from music in a similar way. Windows of speech have 1.1 to
3.3, of music 0.3 to 2.2 (5th and 95th percentile).
"""
_SWING_FLOOR = 1e-3
"""Share of the window's mean power added to each frame, so that digital silence swings no more than a quiet room."""
_MAX_ROWS = 64
"""Windows in one run of the graph."""

Array = npt.NDArray[np.float32]


class VoiceDescription(NamedTuple):
    """The voice in each window of speech."""

    vectors: Array
    """Shape (windows, 256), rows of length 1, none below 0."""
    times_s: npt.NDArray[np.float64]
    """Start of each window from the start of the sound, shape (windows,)."""


class VoiceModel:
    """Describes voices; made by the registry."""

    rate_hz = RATE_HZ

    def __init__(self, session: ort.InferenceSession, name: str, version: str) -> None:
        self.name = name
        self.version = version
        self._session = session

    def describe(self, pcm: npt.NDArray[np.int16]) -> VoiceDescription:
        """Describe the voices in a sound, one row per 0.8 s of speech, without the pauses.

        Music, noise and less than 1.6 s of speech have no rows.

        Parameters
        ----------
        pcm
            Mono samples at ``rate_hz``, shape (n,).
        """
        frames = _frames(pcm)
        power = (frames**2).mean(axis=1)
        spoken = np.flatnonzero(_active(power))
        first = np.arange(0, len(spoken) - N_FRAMES + 1, _HOP)
        inside = spoken[first[:, None] + np.arange(N_FRAMES)]
        inside = inside[_swings(power[inside])]
        vectors = self._embed(_mel(frames)[inside] * _gain(power[inside]))
        return VoiceDescription(vectors, inside[:, 0] * (_STEP / RATE_HZ))

    def _embed(self, windows: Array) -> Array:
        batches = [windows[start : start + _MAX_ROWS] for start in range(0, len(windows), _MAX_ROWS)]
        rows = [self._session.run(["embedding"], {"mel": batch})[0] for batch in batches]
        return np.concatenate([np.zeros((0, DIMENSIONS), np.float32), *rows])


def _frames(pcm: npt.NDArray[np.int16]) -> Array:
    """Return overlapping frames, values -1 to 1: shape (frames, 200)."""
    if len(pcm) < _FRAME:
        return np.zeros((0, _FRAME), np.float32)
    scaled = pcm.astype(np.float32) * np.float32(1 / 32768)
    return np.lib.stride_tricks.sliding_window_view(scaled, _FRAME)[::_STEP]


def _mel(frames: Array) -> Array:
    """Return the power in each band: shape (frames, 40)."""
    hann = np.hanning(_FRAME + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2 * (_TRAINED_HZ / RATE_HZ) ** 2
    mel: Array = (power @ _bands()).astype(np.float32)
    return mel


def _bands() -> npt.NDArray[np.float64]:
    """Triangular filters from 0 to 8 kHz, each of area 1 (Slaney 1998, Auditory Toolbox): shape (101, 40)."""
    corner, step = 15.0, np.log(6.4) / 27  # linear below 1 kHz, logarithmic above
    mels = np.linspace(0.0, corner + np.log(_TRAINED_HZ / 2 / 1000) / step, N_BANDS + 2)
    edges = np.where(mels < corner, mels * 200 / 3, 1000 * np.exp((mels - corner) * step))
    frequencies = np.fft.rfftfreq(_FRAME, 1 / RATE_HZ)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    filters: npt.NDArray[np.float64] = np.clip(np.minimum(rising, falling), 0, None) * 2 / (edges[2:] - edges[:-2])
    return filters


def _active(power: Array) -> npt.NDArray[np.bool_]:
    """Return which frames are speech or short pauses in it."""
    if len(power) < _SPREAD:
        return np.zeros(len(power), np.bool_)
    level_db = 10 * np.log10(power + 1e-12)
    loud = (level_db > np.quantile(level_db, 0.95) - _RANGE_DB) & (level_db > _SILENCE_DB)
    active: npt.NDArray[np.bool_] = np.convolve(loud, np.ones(_SPREAD), "same") > _SPREAD / 2
    return active


def _swings(power: Array) -> npt.NDArray[np.bool_]:
    """Return which windows (windows, 160) vary in level as speech does."""
    floored = power + np.maximum(_SWING_FLOOR * power.mean(axis=1, keepdims=True), 1e-12)
    swings: npt.NDArray[np.bool_] = np.log(floored).std(axis=1) >= _LEAST_SWING
    return swings


def _gain(power: Array) -> Array:
    """Return the gain of each window to the encoder's training level: shape (windows, 1, 1)."""
    gain: Array = (10 ** (_LEVEL_DB / 10) / np.maximum(power.mean(axis=1), 1e-12)).astype(np.float32)
    return gain[:, None, None]
