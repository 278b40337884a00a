"""Sound alone under hard edits: ``python -m ops.bench.sound_edits FOLDER [--landmarks] [--hop N]``.

FOLDER/<package>/** holds unpacked packages that the network was not trained on: singularity-music, asc-music, and the
speech of asterisk-core-sounds-it-wav. Rain, engines, wind and crowds are generated. 40 references of 10 to 60 s; each
is edited in every way, and so are sounds of the same kinds that are no copy: other pieces, other prompts of the same
speaker, other recordings of the same rain or engine. Prints, for each edit, the recall before the first wrong pair and
micro-AP over all pairs, by this repository's network and, with --landmarks, by landmarks.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt

from models.alignment import alignments, joint_score
from models.alignment_parameters import AUDIO, AlignmentParameters
from models.audio.likeness import relative
from models.audio.model import AudioDescription, AudioModel
from models.audio.training.steady import Steady
from models.evidence import most_evidence
from models.metrics import precision_recall_curve
from models.registry import Registry
from ops.bench.audio_fingerprint import compressed, resample
from ops.bench.peers.landmarks import Landmarks

Sound = npt.NDArray[np.int16]
Signal = npt.NDArray[np.float64]

RATE_HZ = 16000
_MUSIC = ("singularity-music", "asc-music")
_SPEECH = "asterisk-core-sounds-it-wav"
_N = {"music": 12, "speech": 10, "steady": 18}
"""References of each kind."""
_N_OTHERS = {"music": 5, "speech": 5, "steady": 18}
"""Sounds of each kind that are no copy: each steady reference has another recording of its own source."""
_EARLY_S = 0.02
"""Delay from which echoes are so dense that they are noise."""
_POST_S, _LEAST_S, _MOST_S = 20, 10, 60


class Piece(NamedTuple):
    """A sound of the set."""

    name: str
    kind: str
    sound: Sound


class Ranked(NamedTuple):
    """One pair of an edited sound and a reference."""

    edit: str
    score: float
    is_copy: bool


class Set(NamedTuple):
    """References, sounds that are no copy of any, and sounds laid over or around."""

    references: list[Piece]
    others: list[Piece]
    over: Mapping[str, list[Sound]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--landmarks", action="store_true", help="also by landmarks, plain and probed: minutes")
    parser.add_argument("--edit", action="append", help="only this edit, several times for several")
    parser.add_argument("--every", type=int, default=1, help="only every N-th sound")
    parser.add_argument("--hop", type=int, default=1, help="use every N-th window of a post")
    arguments = parser.parse_args()
    sounds = make_set(arguments.folder, np.random.default_rng(arguments.seed))
    methods: list[Method] = [Network(Registry().audio(), arguments.hop)]
    methods += [Peaks()] if arguments.landmarks else []
    found: dict[str, list[Ranked]] = defaultdict(list)
    spent_s: dict[str, float] = defaultdict(float)
    for method in methods:
        method.add([piece.sound for piece in sounds.references])
    for edit, expected, query in queries(sounds, arguments.seed, arguments.edit or list(EDITS), arguments.every):
        for method in methods:
            began_s = time.process_time()
            scores = method.search(query)
            spent_s[method.name] += time.process_time() - began_s
            found[method.name] += [Ranked(edit, score, at == expected) for at, score in enumerate(scores)]
    for method in methods:
        n_copies = len(sounds.references[:: arguments.every])
        show(method.name, found[method.name], n_copies, spent_s[method.name])


def show(method: str, ranked: Sequence[Ranked], n_each: int, spent_s: float) -> None:
    """Print one row for each edit and one for all."""
    sys.stdout.write(f"\n{method}: {spent_s:.0f} CPU s\n{'edit':24}recall at P=1  micro-AP  highest wrong\n")
    edits = list(dict.fromkeys(one.edit for one in ranked))
    for name in [*edits, "all"]:
        pairs = [one for one in ranked if name in (one.edit, "all")]
        n_copies = n_each * (len(edits) if name == "all" else 1)
        curve = precision_recall_curve([one.score for one in pairs], [one.is_copy for one in pairs], n_copies)
        wrong = max(one.score for one in pairs if not one.is_copy)
        sys.stdout.write(f"{name:24}{curve.recall_at(1.0):13.3f}{curve.average_precision:10.3f}{wrong:15.2f}\n")


class Method:
    """A way to compare sounds."""

    name = ""

    def add(self, references: Sequence[Sound]) -> None:
        """Describe the references."""
        raise NotImplementedError

    def search(self, query: Sound) -> list[float]:
        """Return the score of a sound with each reference."""
        raise NotImplementedError


class Network(Method):
    """The shipped network, and scores as the match stage makes them."""

    def __init__(self, model: AudioModel, hop: int = 1, parameters: AlignmentParameters = AUDIO) -> None:
        self.name = f"{model.name}@{model.version}, every {hop}. window of a post"
        self._model, self._hop, self._parameters = model, hop, parameters
        self._references: list[AudioDescription] = []

    def add(self, references: Sequence[Sound]) -> None:
        """Describe the references."""
        self._references = [self._described(sound) for sound in references]

    def search(self, query: Sound) -> list[float]:
        """Return the scores, 0 to 1."""
        whole = self._described(query)
        kept = AudioDescription(whole.vectors[:: self._hop], whole.times_s[:: self._hop])
        return [self.score(kept, reference) for reference in self._references]

    def score(self, query: AudioDescription, reference: AudioDescription) -> float:
        """Return the score of one pair."""
        if not len(query.vectors) or not len(reference.vectors):
            return 0.0
        similarity = relative(query.vectors @ reference.vectors.T)
        if not most_evidence(similarity.max(axis=1), self._parameters):
            return 0.0
        found = alignments(similarity, query.times_s, reference.times_s, self._parameters)
        return joint_score(found, self._parameters)

    def _described(self, sound: Sound) -> AudioDescription:
        return self._model.describe(resample(sound, RATE_HZ, self._model.rate_hz))


class Peaks(Method):
    """Landmarks with probes for pitch and tempo."""

    name = "landmarks, probed"

    def __init__(self) -> None:
        self._landmarks = Landmarks()

    def add(self, references: Sequence[Sound]) -> None:
        """Describe the references."""
        self._landmarks.add_references([self._pairs(sound) for sound in references])

    def search(self, query: Sound) -> list[float]:
        """Return the numbers of pairs that agree."""
        return list(self._landmarks.search(self._pairs(query))[self.name])

    def _pairs(self, sound: Sound) -> npt.NDArray[np.int64]:
        samples = (resample(sound, RATE_HZ, Landmarks.RATE_HZ) / 32768).astype(np.float32)
        return self._landmarks.pairs(samples)


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
    return first, [source.recorded(rng, _POST_S * RATE_HZ) for source in sources]


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


def queries(sounds: Set, seed: int, edits: Sequence[str], every: int = 1) -> Iterator[tuple[str, int | None, Sound]]:
    """Yield edit, number of the reference (None if it is no copy) and edited sound."""
    pieces = [*enumerate(sounds.references), *((None, piece) for piece in sounds.others)]
    for name in edits:
        for number, (expected, piece) in [*enumerate(pieces)][::every]:
            rng = np.random.default_rng([seed, number, *name.encode()])
            over = {kind: choices[rng.integers(len(choices))] for kind, choices in sounds.over.items()}
            yield name, expected, EDITS[name](_part(piece.sound, _POST_S, rng), over, rng)


type Over = Mapping[str, Sound]
type EditSound = Callable[[Sound, Over, np.random.Generator], Sound]


def _part(sound: Sound, seconds: float, rng: np.random.Generator) -> Sound:
    n = round(seconds * RATE_HZ)
    start = int(rng.integers(max(1, len(sound) - n + 1)))
    return sound[start : start + n]


def _rms(sound: Sound | Signal) -> float:
    return max(1.0, float(np.sqrt(np.mean(np.square(sound.astype(np.float64))))))


def _rounded(signal: Signal) -> Sound:
    peak = max(1.0, float(np.abs(signal).max()) / 32000)
    return np.rint(signal / peak).astype(np.int16)


def overlaid(kind: str, decibels: float) -> EditSound:
    """Lay another sound over it, `decibels` louder."""

    def edit(sound: Sound, over: Over, rng: np.random.Generator) -> Sound:
        other = np.resize(np.roll(over[kind], -int(rng.integers(len(over[kind])))), len(sound)).astype(np.float64)
        return _rounded(sound + other * (_rms(sound) / _rms(other) * 10 ** (decibels / 20)))

    return edit


def inside(seconds: float) -> EditSound:
    """Put an excerpt into 20 s of other sound, equally loud."""

    def edit(sound: Sound, over: Over, rng: np.random.Generator) -> Sound:
        short = _part(sound, seconds, rng).astype(np.float64)
        kind = ("speech", "music")[int(rng.integers(2))]
        around = np.resize(np.roll(over[kind], -int(rng.integers(len(over[kind])))), _POST_S * RATE_HZ).astype(float)
        start = int(rng.integers(len(around) - len(short)))
        around[start : start + len(short)] = short * (_rms(around) / _rms(short))
        return _rounded(around)

    return edit


def loudspeaker(sound: Sound, _over: Over, rng: np.random.Generator) -> Sound:
    """Record it off a loudspeaker in a room: echoes, a narrow uneven band, clipping, noise at -15 dB."""
    heard = convolved(_band(sound.astype(np.float64), 300, 5000, rng), room(rng))
    heard /= _rms(heard)
    clipped = np.tanh(heard * rng.uniform(0.3, 0.8))
    clipped = clipped / np.sqrt(np.mean(clipped**2)) + rng.normal(0, 10 ** (-15 / 20), len(clipped))
    return _rounded(3000 * clipped)


def room(rng: np.random.Generator) -> Signal:
    """Return an impulse response: the direct sound, early reflections, and a tail with an RT60 of 0.3 to 0.8 s."""
    rt60_s = rng.uniform(0.3, 0.8)
    at_s = np.arange(int(rt60_s * RATE_HZ)) / RATE_HZ
    tail = rng.normal(size=len(at_s)) * 10 ** (-3 * at_s / rt60_s) * (at_s > _EARLY_S)
    response: Signal = tail * np.sqrt(10 ** (rng.uniform(-6, 0) / 10) / np.sum(tail**2))
    response[0] += 1.0
    early = rng.integers(int(0.002 * RATE_HZ), int(0.04 * RATE_HZ), 8)
    response[early] += rng.uniform(0.1, 0.5, 8) * rng.choice([-1, 1], 8)
    return response


def convolved(signal: Signal, response: Signal) -> Signal:
    """Return the signal in a room of this impulse response, of the same length."""
    size = len(signal) + len(response) - 1
    product = np.fft.rfft(signal, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[: len(signal)]


def _band(signal: Signal, low_hz: float, high_hz: float, rng: np.random.Generator | None = None) -> Signal:
    """Pass a band, with slopes of 12 dB an octave and, with a generator, uneven by some dB."""
    hz = np.maximum(np.fft.rfftfreq(len(signal), 1 / RATE_HZ), 1.0)
    gain_db = -12 * (np.maximum(0, np.log2(low_hz / hz)) + np.maximum(0, np.log2(hz / high_hz)))
    if rng is not None:
        gain_db = gain_db + np.interp(np.log2(hz), np.arange(14), rng.normal(0, 3, 14))
    passed: Signal = np.fft.irfft(np.fft.rfft(signal) * 10 ** (gain_db / 20), len(signal))
    return passed


def faster(percent: float) -> EditSound:
    """Change pitch and tempo together, as on tape."""
    return lambda sound, _over, _rng: resample(sound, round(RATE_HZ * (1 + percent / 100)), RATE_HZ)


EDITS: dict[str, EditSound] = {
    "unchanged": lambda sound, _over, _rng: sound,
    "speech at 0 dB": overlaid("speech", 0),
    "speech at 5 dB": overlaid("speech", 5),
    "music at 0 dB": overlaid("music", 0),
    "music at 5 dB": overlaid("music", 5),
    "loudspeaker": loudspeaker,
    "2.6 s inside": inside(2.6),
    "3 s inside": inside(3.0),
    "5 s inside": inside(5.0),
    "4 % faster": faster(4),
    "4 % slower": faster(-4),
    "mp3 24 kbit/s": lambda sound, _over, _rng: compressed(sound, RATE_HZ, "libmp3lame", "mp3", 24_000, to_hz=RATE_HZ),
    "telephone": lambda sound, _over, _rng: _rounded(_band(sound.astype(np.float64), 350, 3000)),
}


if __name__ == "__main__":
    main()
