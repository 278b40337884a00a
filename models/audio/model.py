"""Audio model: fingerprints of sounds, robust to codecs, noise, overlaid sound, pitch and tempo."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from models.audio.network import DIMENSIONS, HOP, WINDOW
from models.audio.spectrum import RATE_HZ, SPECTRUM, STEP, energies

LEAST_SAMPLES = WINDOW + SPECTRUM - STEP
"""Length of a window, 2.67 s: the spectra of its last frame extend beyond its end."""
_MIDDLE_S = (LEAST_SAMPLES / 2) / RATE_HZ
_SILENCE_DB = -70.0
"""Least mean level of a window, 0 dB = full scale. Below it there is only noise of the recorder or the codec."""
_STILLNESS = 0.1
"""Least root mean square change inside a window, in decades: hum and test tones have less, white noise has 0.13."""


@dataclass(frozen=True)
class AudioDescription:
    """Fingerprints of a sound and their times."""

    vectors: npt.NDArray[np.float32]
    """Shape (m, 128), rows of length 1."""
    times_s: npt.NDArray[np.float64]
    """Middle of each window, from the start of the sound, shape (m,)."""


class AudioModel:
    """Describes sounds; made by the registry."""

    rate_hz = RATE_HZ

    def __init__(self, session: ort.InferenceSession, name: str, version: str) -> None:
        self.name = name
        self.version = version
        self._session = session

    def describe(self, pcm: npt.NDArray[np.int16]) -> AudioDescription:
        """Describe a sound, one row each 0.256 s.

        Silent and unchanging windows are left out: they match each other and are no evidence. Windows of steady sounds,
        such as rain, resemble each other: compare them by `models.audio.likeness.relative`. A sound shorter than a
        window, 2.67 s, has no rows.

        Parameters
        ----------
        pcm
            Mono samples at ``rate_hz``, shape (n,). A minute needs about 60 MB of working memory.
        """
        if len(pcm) < LEAST_SAMPLES:
            return AudioDescription(np.zeros((0, DIMENSIONS), dtype=np.float32), np.zeros(0))
        names = ["vectors", "level_db", "activity"]
        vectors, level_db, activity = self._session.run(names, {"energy": energies(pcm)[None]})
        kept = (level_db > _SILENCE_DB) & (activity > _STILLNESS)
        return AudioDescription(vectors[kept], np.flatnonzero(kept).astype(np.float64) * (HOP / RATE_HZ) + _MIDDLE_S)
