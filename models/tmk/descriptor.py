"""TMK+PDQF, the descriptor of a whole video that hash lists exchange; after Meta's implementation (BSD).

The mean of the features of all frames at 15 a second, and their sums with the cosines and sines of four periods: two
copies with the same content have the same sums up to a shift in time. Source: ThreatExchange, tmk/cpp/algo/tmkfv.cpp,
reimplemented in numpy, in float64 where the source sums float32. It finds whole videos, not clips of them.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FRAMES_PER_SECOND = 15
DIMENSION = 256
"""Numbers of a frame's features, `models.pdq.hash.picture_features`."""
PERIODS = np.array([2_731, 4_391, 9_767, 14_653], np.int32)
"""Periods, in frames."""
# fmt: off
COEFFICIENTS = np.array([
    0.0708041893112, 0.13937789309, 0.132897260304, 0.122765735552, 0.109878684888,
    0.09529606433, 0.0800986647852, 0.0652590650356, 0.0515478238322, 0.0394851531195,
    0.0293374252025, 0.0211492623679, 0.0147973073245, 0.0100512818746, 0.0066306408014,
    0.00424947117334, 0.0026467615764, 0.00160270959695, 0.000943882629639, 0.000540841638603,
    0.000301633183798, 0.000163800158855, 8.66454753015e-05, 4.46626303151e-05, 2.24429442235e-05,
    1.09982139799e-05, 5.25823487999e-06, 2.45358229988e-06, 1.11781474895e-06, 4.97406489221e-07,
    2.16265487234e-07, 9.19087006565e-08,
], np.float32)
# fmt: on
"""Weights of the multiples of a period's frequency: Bessel functions, as the source lists them."""

type Floats = npt.NDArray[np.float32]


class Tmk(NamedTuple):
    """Descriptor of a video, 263 kB."""

    n_frames: int
    average: Floats
    """Mean of the features, float32 (256,)."""
    cosines: Floats
    """Sums with cosines, each of length 0 or the root of its coefficient: float32 (4, 32, 256)."""
    sines: Floats
    """Likewise with sines."""


class TmkMaker:
    """Descriptor in the making: 0.5 MB, however long the video is."""

    def __init__(self) -> None:
        self.n_frames = 0
        self._sum = np.zeros(DIMENSION)
        self._waves = np.zeros((len(PERIODS), len(COEFFICIENTS), DIMENSION), np.complex128)

    def add(self, features: Floats) -> None:
        """Add the next frames' features, shape (n, 256)."""
        numbers = np.arange(self.n_frames, self.n_frames + len(features))
        turns = np.arange(len(COEFFICIENTS))[None, :, None] * numbers / PERIODS[:, None, None]
        self._waves += np.exp(2j * np.pi * turns) @ _of_length(features.astype(np.float64), 1.0)
        self._sum += features.sum(axis=0, dtype=np.float64)
        self.n_frames += len(features)

    def made(self) -> Tmk:
        """Return the descriptor of the frames so far."""
        lengths = np.sqrt(COEFFICIENTS.astype(np.float64))[None, :, None]
        cosines, sines = (_of_length(part, lengths).astype(np.float32) for part in (self._waves.real, self._waves.imag))
        return Tmk(self.n_frames, (self._sum / max(1, self.n_frames)).astype(np.float32), cosines, sines)


def _of_length(vectors: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
    """Return vectors of these lengths; one of zeros stays as it is."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: npt.NDArray[np.float64] = vectors * lengths / np.where(norms > 0, norms, 1.0)
    return scaled
