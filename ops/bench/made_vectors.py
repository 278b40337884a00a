"""Made descriptors with the similarities of real ones; seeded, and each reference is made again when it is wanted.

Compared with 20 real recordings of 2,100 rows in the model of models/visual/card.md, similarity of unrelated rows: real
0.03 in the median, 0.25 at 99 %, 0.35 at 99.9 %, 0.42 at 99.99 %; made 0.00, 0.19, 0.28, 0.39. A view and its frame:
0.47 and 0.51 in the median. Frames of one shot: 0.86 and 0.91. The same row after an edit: 0.64 and 0.66.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]
Times = npt.NDArray[np.float64]

PICTURE_COLUMNS, SOUND_COLUMNS = 512, 128
VIEWS = 11
"""Rows of one frame of a reference, as models/visual/views.py cuts them."""
_SHOT_S = 6
_KINDS, _KIND, _RECORDING = 60, 0.4, 0.15
"""Number of kinds of recording, and shares of a row's square that its kind and its recording determine."""
_VIEW = 0.55
"""Share of the full frame in a view, which makes their cosine 0.47."""
_STEP_S, _WINDOW = 0.256, 10
"""Seconds between two windows of sound, and windows that have some sound in common."""
_POST_FRAMES_S, _POST_VIEWS = 4.3, 2
"""Seconds between two key frames of a post, and rows of each."""


class Described(NamedTuple):
    """Vectors and times of one modality."""

    vectors: Rows
    times_s: Times


class Made:
    """A made world of recordings."""

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        scale = np.arange(1, PICTURE_COLUMNS + 1, dtype=np.float32) ** np.float32(-0.32)
        self._scale = scale / np.linalg.norm(scale)
        self._kinds = _unit(self._drawn(np.random.default_rng([seed, 0]), _KINDS))

    def pictures(self, number: int, seconds: int) -> Described:
        """Return the rows of a reference: a frame a second, eleven views each."""
        random = np.random.default_rng([self._seed, 1, number])
        full = self._frames(random, seconds)
        part = np.repeat(_unit(self._drawn(random, VIEWS * (seconds // _SHOT_S + 1))), _SHOT_S * VIEWS, axis=0)
        part = part.reshape(-1, _SHOT_S, VIEWS, PICTURE_COLUMNS)[:, :, : VIEWS - 1].reshape(-1, VIEWS - 1, 512)
        parts = _VIEW * full[:, None] + np.sqrt(1 - _VIEW**2, dtype=np.float32) * part[:seconds]
        rows = np.concatenate([full[:, None], parts], axis=1).reshape(-1, PICTURE_COLUMNS)
        return Described(_unit(rows), np.repeat(np.arange(seconds, dtype=np.float64), VIEWS))

    def sounds(self, number: int, seconds: int) -> Described:
        """Return the rows of a reference's sound: overlapping windows."""
        random = np.random.default_rng([self._seed, 2, number])
        n_rows = max(1, int(seconds / _STEP_S))
        steps = random.standard_normal((n_rows + _WINDOW, SOUND_COLUMNS), np.float32)
        steps *= np.arange(1, SOUND_COLUMNS + 1, dtype=np.float32) ** np.float32(-0.32)
        total = np.cumsum(steps, axis=0)
        times_s = (np.arange(n_rows, dtype=np.float64) + _WINDOW / 2) * _STEP_S
        return Described(_unit(total[_WINDOW:] - total[:-_WINDOW]), times_s)

    def post_pictures(self, seconds: int, seed: int, copied: Described | None = None) -> Described:
        """Return the rows of a post: unrelated to all references, or an edited copy of one from its start."""
        random = np.random.default_rng([self._seed, 3, seed])
        times_s = np.arange(0.0, seconds, _POST_FRAMES_S)
        if copied is None:
            full = self._frames(random, seconds)[np.minimum(times_s.astype(np.intp), seconds - 1)]
        else:
            full = self._edited(random, copied.vectors[:: len(copied.vectors) // seconds][times_s.astype(np.intp)])
        part = _unit(_VIEW * full + _unit(self._drawn(random, len(full))))
        rows = np.stack([full, part], axis=1).reshape(-1, PICTURE_COLUMNS)
        return Described(rows, np.repeat(times_s, _POST_VIEWS))

    def post_sounds(self, seconds: int, seed: int, copied: Described | None = None) -> Described:
        """Return the rows of a post's sound, likewise."""
        made = self.sounds(10**9 + seed, seconds)
        if copied is None:
            return made
        return Described(_unit(0.6 * copied.vectors + 0.8 * made.vectors), copied.times_s)

    def _frames(self, random: np.random.Generator, seconds: int) -> Rows:
        n_shots = seconds // _SHOT_S + 1
        kind = self._kinds[random.integers(_KINDS)]
        shots = _mixed(kind, _unit(self._drawn(random, 1)), _unit(self._drawn(random, n_shots)))
        frames = np.repeat(shots, _SHOT_S, axis=0)[:seconds]
        return _unit(frames + 0.3 * _unit(self._drawn(random, seconds)))

    def _edited(self, random: np.random.Generator, rows: Rows) -> Rows:
        """Return rows that one edit has changed, alike in part: cosines 0.5 to 0.8 with the given ones."""
        cosine = np.float32(random.choice([0.5, 0.6, 0.65, 0.7, 0.8]))
        change = _unit(_unit(self._drawn(random, 1)) + _unit(self._drawn(random, len(rows))))
        return _unit(cosine * rows + np.sqrt(1 - cosine**2, dtype=np.float32) * change)

    def _drawn(self, random: np.random.Generator, n: int) -> Rows:
        drawn: Rows = random.standard_normal((n, PICTURE_COLUMNS), np.float32) * self._scale
        return drawn


def _mixed(kind: Rows, recording: Rows, shots: Rows) -> Rows:
    return _unit(np.sqrt(_KIND) * kind + np.sqrt(_RECORDING) * recording + np.sqrt(1.0 - _KIND - _RECORDING) * shots)


def _unit(rows: Rows) -> Rows:
    of_length_one: Rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return of_length_one
