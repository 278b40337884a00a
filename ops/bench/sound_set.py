"""Set of sounds: references, and sounds of the same kinds that are not copies of any."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt

from models.audio.training.steady import Steady

Sound = npt.NDArray[np.int16]
"""Mono PCM at `RATE_HZ`, shape (n,)."""
RATE_HZ = 16000
_MUSIC = ("singularity-music", "asc-music")
_SPEECH = "asterisk-core-sounds-it-wav"
_N = {"music": 12, "speech": 10, "steady": 18}
"""References of each kind."""
_N_OTHERS = {"music": 5, "speech": 5, "steady": 18}
"""Sounds of each kind that are not copies: each steady reference has another recording of its own source."""
POST_S, _LEAST_S, _MOST_S = 20, 10, 60


class Piece(NamedTuple):
    """A sound of the set."""

    name: str
    kind: str
    sound: Sound


class Set(NamedTuple):
    """References, sounds that are not copies of any, and sounds laid over or around."""

    references: list[Piece]
    others: list[Piece]
    over: Mapping[str, list[Sound]]


def make_set(folder: Path, rng: np.random.Generator) -> Set:
    """Return the set of a seed."""
    files = sorted(path for name in _MUSIC for path in (folder / name).rglob("*") if path.suffix in {".ogg", ".mp3"})
    songs = [files[at] for at in rng.permutation(len(files))]
    music = [_cut(read(path), rng) for path in songs[: _N["music"] + _N_OTHERS["music"]]]
    prompts = sorted((folder / _SPEECH).rglob("*.wav"))
    speech = _speech([prompts[at] for at in rng.permutation(len(prompts))])
    spoken = [next(speech) for _ in range(_N["speech"] + _N_OTHERS["speech"])]
    over = {"speech": [next(speech) for _ in range(6)], "music": [_cut(sound, rng) for sound in map(read, songs[-2:])]}
    steady, again = _steady(over["speech"], rng)
    references = [("music", each) for each in music[: _N["music"]]]
    references += [("speech", each) for each in spoken[: _N["speech"]]] + [("steady", each) for each in steady]
    others = [("music", each) for each in music[_N["music"] :]]
    others += [("speech", each) for each in spoken[_N["speech"] :]] + [("steady", each) for each in again]
    return Set(_named(references), _named(others), over)


def _named(sounds: Sequence[tuple[str, Sound]]) -> list[Piece]:
    return [Piece(f"{kind} {number}", kind, sound) for number, (kind, sound) in enumerate(sounds)]


def _steady(voices: Sequence[Sound], rng: np.random.Generator) -> tuple[list[Sound], list[Sound]]:
    """Return recordings of steady sources, and another recording of each."""

    def speech(chance: np.random.Generator, n: int) -> Sound:
        voice = voices[int(chance.integers(len(voices)))]
        return np.resize(np.roll(voice, -int(chance.integers(len(voice)))), n)

    sources = [Steady(rng, RATE_HZ, speech) for _ in range(_N["steady"])]
    first = [source.recorded(rng, _seconds(rng) * RATE_HZ) for source in sources]
    return first, [source.recorded(rng, POST_S * RATE_HZ) for source in sources]


def _seconds(rng: np.random.Generator) -> int:
    return int(rng.integers(_LEAST_S, _MOST_S + 1))


def _cut(sound: Sound, rng: np.random.Generator) -> Sound:
    """Return a stretch of a sound."""
    n = _seconds(rng) * RATE_HZ
    start = int(rng.integers(max(1, len(sound) - n)))
    return sound[start : start + n]


def _speech(prompts: Sequence[Path]) -> Iterator[Sound]:
    """Yield speech of 30 s, each of other prompts."""
    parts: list[Sound] = []
    for path in prompts:
        parts.append(read(path))
        if sum(map(len, parts)) >= 30 * RATE_HZ:
            yield np.concatenate(parts)
            parts = []


def read(path: Path) -> Sound:
    """Return the first minute and a half of a file at RATE_HZ."""
    resampler = av.AudioResampler("s16", "mono", RATE_HZ)
    parts: list[Sound] = []
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
            if float(frame.time or 0.0) > 1.5 * _MOST_S:
                break
    return np.concatenate(parts)
