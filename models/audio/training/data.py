"""Training data: sound files as one long array of band powers, and the possible starts of examples in it.

``python -m models.audio.training.data FOLDER OUT.npz`` reads FOLDER/<package>/**: unpacked packages of music, speech
and effects (card.md lists them), and generates an hour of steady sounds. It keeps decibels as bytes: a day of sound
takes 280 MB.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt

from models.audio.spectrum import RATE_HZ, SPECTRUM, STEP, band_matrix, window
from models.audio.training.steady import Steady

HELD_OUT = frozenset({"singularity-music", "asc-music", "asterisk-core-sounds-it-wav"})
"""Packages excluded from training; every figure in card.md is of these, or of films."""
KINDS = ("music", "speech", "effects", "steady")
_SPEECH = ("asterisk", "klettres")
_EFFECTS = ("hedgewars-data", "colobot-common-sounds", "hydrogen-drumkits", "sonic-pi-samples")
_SUFFIXES = frozenset({".ogg", ".wav", ".mp3", ".flac", ".opus"})

EXAMPLE_FRAMES = 320
_EVERY_FRAMES = 16
_AUDIBLE_DB, _AUDIBLE_SHARE = -55.0, 0.7
"""Least level of an audible frame, and least share of audible frames in an example."""
_LEAST_DB, _STEP_DB = -80.0, 0.4
_LONGEST_S, _SHORT_S, _JOINED_S = 1200, 8, 30
_N_STEADY, _STEADY_S = 150, 24
"""Sources of steady sounds, and the duration of each one's recording."""


class Sounds(NamedTuple):
    """All training sound."""

    decibels: npt.NDArray[np.uint8]
    """Shape (frames, 106); `power` converts them to powers."""
    starts: npt.NDArray[np.int64]
    """Frames at which an example may start."""
    kinds: npt.NDArray[np.int64]
    """Index into KINDS for each start."""


def collect(folder: Path) -> Sounds:
    """Read every package in a folder, except those held out."""
    parts: list[tuple[npt.NDArray[np.uint8], int]] = []
    for package in sorted(path for path in folder.iterdir() if path.name not in HELD_OUT):
        parts += [(quantised(pcm), _kind(package.name)) for pcm in _joined(_files(package))]
    parts += [(quantised(pcm), KINDS.index("steady")) for pcm in steady(_N_STEADY)]
    ends = np.cumsum([0, *(len(part) for part, _ in parts)])
    found = [(start + _examples(part), kind) for (part, kind), start in zip(parts, ends[:-1], strict=True)]
    return Sounds(
        decibels=np.concatenate([part for part, _ in parts]),
        starts=np.concatenate([starts for starts, _ in found]),
        kinds=np.concatenate([np.full(len(starts), kind) for starts, kind in found]),
    )


def steady(n: int, seed: int = 1) -> Iterator[npt.NDArray[np.int16]]:
    """Yield mono recordings, 24 s at `RATE_HZ`, of n steady sources of random kinds; no crowds, which need voices."""
    for number in range(n):
        rng = np.random.default_rng([seed, number])
        yield Steady(rng, RATE_HZ).recorded(rng, _STEADY_S * RATE_HZ)


def quantised(pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """Return the frames of a sound in steps of 0.4 dB, shape (frames, 106)."""
    signal = pcm.astype(np.float32) / 32768
    slices = np.lib.stride_tricks.sliding_window_view(signal, SPECTRUM)[::STEP]
    bands, taper = band_matrix(), window()
    blocks = [slices[start : start + 4096] * taper for start in range(0, len(slices), 4096)]
    fine = np.concatenate([(np.abs(np.fft.rfft(block)) ** 2).astype(np.float32) @ bands for block in blocks])
    frames = fine[: len(fine) // 2 * 2].reshape(-1, 2, fine.shape[1]).mean(axis=1)
    decibels = 10 * np.log10(frames + 10 ** (_LEAST_DB / 10))
    return np.clip(np.round((decibels - _LEAST_DB) / _STEP_DB), 0, 255).astype(np.uint8)


def _examples(part: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return starts of examples that are not silent."""
    level = part.max(axis=1) * _STEP_DB + _LEAST_DB
    audible = np.concatenate([[0], np.cumsum(level > _AUDIBLE_DB)])
    starts: npt.NDArray[np.int64] = np.arange(0, max(0, len(part) - EXAMPLE_FRAMES), _EVERY_FRAMES)
    n_audible = audible[starts + EXAMPLE_FRAMES] - audible[starts]
    return np.compress(n_audible > _AUDIBLE_SHARE * EXAMPLE_FRAMES, starts)


def _kind(package: str) -> int:
    if any(part in package for part in _SPEECH):
        return KINDS.index("speech")
    return KINDS.index("effects" if package in _EFFECTS else "music")


def _files(package: Path) -> Iterator[npt.NDArray[np.int16]]:
    for path in sorted(path for path in package.rglob("*") if path.suffix.lower() in _SUFFIXES):
        try:
            pcm = _decoded(path)
        except (av.error.FFmpegError, IndexError) as error:
            sys.stderr.write(f"left out {path}: {error}\n")
            continue
        yield pcm[: _LONGEST_S * RATE_HZ]


def _joined(files: Iterator[npt.NDArray[np.int16]]) -> Iterator[npt.NDArray[np.int16]]:
    """Yield long sounds unchanged and short ones concatenated."""
    short: list[npt.NDArray[np.int16]] = []
    for pcm in chain(files, [np.zeros(0, np.int16)]):
        if len(pcm) >= _SHORT_S * RATE_HZ:
            yield pcm
            continue
        short.append(pcm)
        if sum(map(len, short)) >= _JOINED_S * RATE_HZ or not len(pcm):
            yield from [np.concatenate(short)] if sum(map(len, short)) > SPECTRUM + STEP else []
            short = []


def _decoded(path: Path) -> npt.NDArray[np.int16]:
    resampler = av.AudioResampler("s16", "mono", RATE_HZ)
    with av.open(path) as container:
        frames = chain.from_iterable(map(resampler.resample, chain(container.decode(audio=0), [None])))
        return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.int16)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, metavar="OUT.npz")
    given = parser.parse_args()
    np.savez(given.out, **collect(given.folder)._asdict())
