"""Spectrum of the fingerprint: power in bands half a semitone wide, 31.25 times a second.

Training and the exported graph share these constants; a change of one makes all stored fingerprints useless.
"""

import numpy as np
import numpy.typing as npt

RATE_HZ = 8000
STEP = 128
"""Samples between spectra; two of them are averaged into one frame."""
SPECTRUM = 1024
"""Samples of one spectrum, under a Hann window: 128 ms."""
FRAME = 2 * STEP
"""Samples per frame: 32 ms."""
N_BANDS = 106
"""Two per semitone from 180 Hz to 3.8 kHz, about the range that a telephone and every codec transmit."""
LEAST_POWER = 1e-7
"""Power added to every band, where 1 is a full-scale sample squared under the window; about -100 dB."""

_BLOCK = 128
"""Spectra taken together: few enough for the processor's cache."""
_LOW_HZ = 180.0
_FINE_PER_OCTAVE = 48


def window() -> npt.NDArray[np.float32]:
    """Return the Hann window, shape (1024,)."""
    return np.hanning(SPECTRUM).astype(np.float32)


def band_matrix() -> npt.NDArray[np.float32]:
    """Return triangular filters at equal musical intervals, none narrower than a line of the spectrum: (513, 106)."""
    line_hz = RATE_HZ / SPECTRUM
    frequencies = np.fft.rfftfreq(SPECTRUM, 1 / RATE_HZ)[:, None]
    centres = _LOW_HZ * 2.0 ** (np.arange(-1, 2 * N_BANDS) / _FINE_PER_OCTAVE)
    half = np.maximum(np.diff(centres), line_hz)
    filters = np.maximum(0.0, 1.0 - np.abs(frequencies - centres[1:]) / half)
    filters /= filters.sum(axis=0)
    pairs: npt.NDArray[np.float32] = filters.reshape(len(filters), N_BANDS, 2).mean(axis=2).astype(np.float32)
    return pairs


def energies(pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """Return the squared magnitude of each spectrum's lines, 1 = full scale under the window; shape (n, 513).

    Parameters
    ----------
    pcm
        Mono samples at RATE_HZ, at least SPECTRUM of them, shape (n,).
    """
    signal = pcm.astype(np.float32) / np.float32(32768)
    pieces = np.lib.stride_tricks.sliding_window_view(signal, SPECTRUM)[::STEP]
    found = np.empty((len(pieces), SPECTRUM // 2 + 1), np.float32)
    for start in range(0, len(pieces), _BLOCK):
        lines = np.fft.rfft(pieces[start : start + _BLOCK] * window(), axis=1)
        found[start : start + _BLOCK] = lines.real**2 + lines.imag**2
    return found
