"""Write the audio fingerprint as an ONNX graph: ``python -m models.audio.export`` rewrites fingerprint.onnx beside it.

Energies of 16 bands, half a second wide in time and a quarter apart; twelve of them in a row make a window of 3.35 s.
The fingerprint is their logarithms less each band's mean over the window and each moment's mean over the neighbouring
bands: what an equaliser or the volume does is a constant per band or per moment, and vanishes. After Haitsma & Kalker
2002, "A Highly Robust Audio Fingerprinting System", whose signs of differences are here kept as smooth values, so that
windows half a hop apart still agree. ops/bench/audio_fingerprint.py measures it.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.graph import Graph

PATH = Path(__file__).with_name("fingerprint.onnx")

RATE_HZ = 8000
HOP = 2000
"""Samples between windows: 0.25 s."""
N_SLOTS = 12
N_BANDS = 16
DIMENSIONS = N_SLOTS * N_BANDS
_STEP = 250
"""Samples between spectra."""
_SPECTRUM = 1024
"""Samples of one spectrum: 128 ms."""
_SMOOTH = 16
"""Spectra averaged into one slot."""
WINDOW = HOP * (N_SLOTS - 1) + _STEP * (_SMOOTH - 1) + _SPECTRUM
"""Samples under one window, and the least the graph takes: 3.35 s."""
_LOW_HZ, _HIGH_HZ = 200.0, 3400.0
"""About what a telephone lets through; bands 18 % wide forgive a pitch 10 % off."""
_NEIGHBOURS = 4
"""Bands on each side that make the local mean."""
_FLOOR = 0.01
"""Of the window's mean energy; added to every energy, so that what is quiet counts little and noise changes little."""

Array = npt.NDArray[np.float32]


def export() -> bytes:
    """Return the ONNX file: pcm int16 (samples,) -> vectors (windows, 192), level_db and activity (windows,)."""
    graph = Graph("subband-fingerprint")
    graph.input("pcm", np.int16, ("samples",))
    windows = _windows(graph, _slots(graph, _spectra(graph)))
    mean = graph.add("ReduceMean", windows, axes=[1], keepdims=1)
    floored = graph.add("Add", windows, graph.add("Mul", mean, _number(graph, _FLOOR)))
    logarithms = graph.add("Log", graph.add("Add", floored, _number(graph, 1e-12)))
    centred = graph.add("MatMul", logarithms, graph.constant(_centring()))
    graph.add("LpNormalization", centred, axis=1, p=2, output="vectors")
    power = graph.add("ReduceMean", graph.add("Mul", centred, centred), axes=[1], keepdims=0)
    graph.add("Sqrt", power, output="activity")
    energy = graph.add("Squeeze", mean, graph.constant(np.array([1])))
    level = graph.add("Log", graph.add("Add", energy, _number(graph, 1e-12)))
    graph.add("Mul", level, _number(graph, 10 / np.log(10)), output="level_db")
    graph.output("vectors", np.float32, ("windows", DIMENSIONS))
    graph.output("level_db", np.float32, ("windows",))
    graph.output("activity", np.float32, ("windows",))
    return graph.serialise()


def _spectra(graph: Graph) -> str:
    """Band energies of each spectrum: (1, spectra, 16)."""
    scaled = graph.add("Mul", graph.cast("pcm", np.float32), _number(graph, 1 / 32768))
    signal = graph.add("Unsqueeze", scaled, graph.constant(np.array([0, 2])))
    hann = graph.constant(np.hanning(_SPECTRUM + 1)[:-1].astype(np.float32))
    step, length = graph.constant(np.array(_STEP)), graph.constant(np.array(_SPECTRUM))
    spectrum = graph.add("STFT", signal, step, hann, length, onesided=1)
    energy = graph.add("ReduceSumSquare", spectrum, axes=[3], keepdims=0)
    return graph.add("MatMul", energy, graph.constant(_bands()))


def _slots(graph: Graph, spectra: str) -> str:
    """Energies averaged over half a second, each quarter: (1, 16, slots)."""
    by_band = graph.add("Transpose", spectra, perm=[0, 2, 1])
    weights = np.hanning(_SMOOTH + 2)[1:-1]
    kernel = np.tile((weights / weights.sum()).astype(np.float32), (N_BANDS, 1, 1))
    return graph.add("Conv", by_band, graph.constant(kernel), group=N_BANDS, strides=[HOP // _STEP])


def _windows(graph: Graph, slots: str) -> str:
    """Twelve slots in a row, each quarter of a second: (windows, 192), band by band."""
    # a convolution with one-hot kernels copies each slot and the eleven after it into channels
    kernel = np.tile(np.eye(N_SLOTS, dtype=np.float32)[:, None, :], (N_BANDS, 1, 1))
    unfolded = graph.add("Conv", slots, graph.constant(kernel), group=N_BANDS)
    return graph.add("Transpose", graph.add("Squeeze", unfolded, graph.constant(np.array([0]))), perm=[1, 0])


def _bands() -> Array:
    """Triangular filters at equal musical distance: (513, 16), scaled so that white noise of mean square 1 gives 1."""
    edges = np.geomspace(_LOW_HZ, _HIGH_HZ, N_BANDS + 2)
    frequencies = np.fft.rfftfreq(_SPECTRUM, 1 / RATE_HZ)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    filters = np.clip(np.minimum(rising, falling), 0, None)
    window_power = float((np.hanning(_SPECTRUM + 1)[:-1] ** 2).sum())
    bands: Array = (filters / filters.sum(axis=0) / window_power).astype(np.float32)
    return bands


def _centring() -> Array:
    """Matrix that takes each band's mean, each moment's and each neighbourhood's away: (192, 192)."""
    bands = _without_mean(N_BANDS, N_BANDS) @ _without_mean(N_BANDS, _NEIGHBOURS)
    return np.kron(bands, _without_mean(N_SLOTS, N_SLOTS)).astype(np.float32)


def _without_mean(size: int, reach: int) -> npt.NDArray[np.float64]:
    """Matrix that takes from each column the mean of those at most `reach` away: (size, size)."""
    index = np.arange(size)
    near = (np.abs(index[:, None] - index[None, :]) <= reach).astype(np.float64)
    return np.eye(size) - near / near.sum(axis=0)


def _number(graph: Graph, value: float) -> str:
    return graph.constant(np.array(value, dtype=np.float32))


def main() -> None:
    """Write the committed file and say its sha256."""
    graph = export()
    PATH.write_bytes(graph)
    sys.stdout.write(f"{PATH}\nsha256 {hashlib.sha256(graph).hexdigest()}\n")


if __name__ == "__main__":
    main()
