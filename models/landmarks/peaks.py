"""Landmarks of a sound: the local maxima of its spectrogram, which lie at the same places in every copy of a recording.

Wang 2003, "An Industrial-Strength Audio Search Algorithm". Noise and other sound laid over it hide some peaks and add
others; what remains is where it was. Two recordings of one voice, or of one room, share no peaks but by chance.
"""

import numpy as np
import numpy.typing as npt

NAME, VERSION = "landmarks", "1"
RATE_HZ = 8000
"""Sample rate that is taken."""
STEPS = 32
"""Steps of time in one second."""
PITCHES = 158
"""Steps of pitch, 36 to an octave, from 180 Hz to 3.7 kHz: what a telephone transmits."""
PER_OCTAVE = 36
MOST = 64
"""Peaks kept of one second, the most prominent."""

Peaks = npt.NDArray[np.int32]
"""Step of time and step of pitch of each peak, shape (n, 2), in order of time."""

_LOW_HZ = 180.0
_WINDOW = 1024
_HOP = RATE_HZ // STEPS
_BLOCK = 128
"""Spectra taken together: few enough for the processor's cache."""
_NEAR = 3
"""Steps of time and of pitch within which a peak is the highest."""
_PROMINENT = 0.5
"""Least height of a peak above the median of its pitch, in logarithms of power: that of a steady hum is 0."""
_LEAST_POWER = 1e-7

_Spectrogram = npt.NDArray[np.float32]


def peaks(pcm: npt.NDArray[np.int16]) -> Peaks:
    """Return the landmarks of at most a few minutes of sound, times in steps since its first sample.

    Parameters
    ----------
    pcm
        Mono samples at RATE_HZ, shape (n,).
    """
    if len(pcm) < _WINDOW or not pcm.any():
        return np.zeros((0, 2), np.int32)
    levels = _levels(pcm)
    levels -= np.median(levels, axis=0)
    highest = _maxima(_maxima(levels, 0), 1)
    times, pitches = np.nonzero((levels >= highest) & (levels > _PROMINENT))
    kept = _most_prominent(times // STEPS, levels[times, pitches])
    return np.stack([times[kept], pitches[kept]], axis=1).astype(np.int32)


def _levels(pcm: npt.NDArray[np.int16]) -> _Spectrogram:
    """Return the logarithm of the power at each time and pitch, shape (n_times, PITCHES)."""
    pieces = np.lib.stride_tricks.sliding_window_view(pcm, _WINDOW)[::_HOP]
    window = (np.hanning(_WINDOW) / 32768).astype(np.float32)
    lines = _LOW_HZ * 2.0 ** (np.arange(PITCHES) / PER_OCTAVE) / (RATE_HZ / _WINDOW)
    below, share = lines.astype(np.intp), (lines % 1.0).astype(np.float32)
    found = np.empty((len(pieces), PITCHES), np.float32)
    for start in range(0, len(pieces), _BLOCK):
        spectrum = np.fft.rfft(pieces[start : start + _BLOCK] * window, axis=1)
        power = np.log(spectrum.real**2 + spectrum.imag**2 + _LEAST_POWER).astype(np.float32)
        found[start : start + _BLOCK] = power[:, below] * (1.0 - share) + power[:, below + 1] * share
    return found


def _maxima(levels: _Spectrogram, axis: int) -> _Spectrogram:
    """Return the highest level within _NEAR steps of each along an axis."""
    around = [(_NEAR, _NEAR) if each == axis else (0, 0) for each in (0, 1)]
    padded = np.pad(levels, around, constant_values=-np.inf)
    n, highest = levels.shape[axis], levels
    for shift in range(2 * _NEAR + 1):
        highest = np.maximum(highest, padded[shift : shift + n] if axis == 0 else padded[:, shift : shift + n])
    return highest


def _most_prominent(seconds: npt.NDArray[np.intp], heights: _Spectrogram) -> npt.NDArray[np.intp]:
    """Return the numbers of the MOST highest peaks of each second, ascending."""
    order = np.lexsort((-heights, seconds))
    rank = np.arange(len(order)) - np.searchsorted(seconds[order], seconds[order])
    return np.sort(order[rank < MOST])
