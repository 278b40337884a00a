"""Sound alone under hard edits: ``python -m ops.bench.sound_edits FOLDER [--fingerprints] [--landmarks] [--hop N]``.

FOLDER/<package>/** holds unpacked packages that the network was not trained on: singularity-music, asc-music, and the
speech of asterisk-core-sounds-it-wav. Rain, engines, wind and crowds are generated. 40 references of 10 to 60 s; each
is edited in every way, and so are sounds of the same kinds that are not copies: other pieces, other prompts of the same
speaker, other recordings of the same rain or engine. Prints, for each edit, the recall before the first wrong pair and
micro-AP over all pairs, as the match stage scores them; with --fingerprints also without landmarks, with --landmarks
also by pairs of peaks.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.alignment import alignments, joint_score
from models.alignment_parameters import AUDIO
from models.audio.likeness import relative
from models.audio.model import AudioDescription, AudioModel
from models.evidence import most_evidence, score_of
from models.landmarks.compare import Line
from models.landmarks.evidence import agreements, weighed
from models.landmarks.peaks import Peaks, peaks
from models.metrics import precision_recall_curve
from models.registry import Registry
from ops.bench.audio_fingerprint import resample
from ops.bench.edits_of_sound import EDITS, part
from ops.bench.peers.landmarks import Landmarks
from ops.bench.sound_set import POST_S, RATE_HZ, Set, Sound, make_set
from schemas.ids import full_name
from streams.match.landmarks import LEAST_SCORE


class Ranked(NamedTuple):
    """One pair of an edited sound and a reference."""

    edit: str
    score: float
    is_copy: bool


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--landmarks", action="store_true", help="also by pairs of peaks at any place, probed: minutes")
    parser.add_argument("--edit", action="append", help="only this edit, several times for several")
    parser.add_argument("--every", type=int, default=1, help="only every N-th sound")
    parser.add_argument("--hop", type=int, default=1, help="use every N-th window of a post")
    parser.add_argument("--fingerprints", action="store_true", help="also by the network without landmarks")
    arguments = parser.parse_args()
    sounds = make_set(arguments.folder, np.random.default_rng(arguments.seed))
    model = Registry().audio()
    methods: list[Method] = [Network(model, arguments.hop)]
    methods += [Network(model, arguments.hop, landmarks=False)] if arguments.fingerprints else []
    methods += [ProbedLandmarks()] if arguments.landmarks else []
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


class Described(NamedTuple):
    """What describes a sound."""

    rows: AudioDescription
    landmarks: Peaks


class Network(Method):
    """The shipped network, and scores as the match stage makes them, with landmarks or by fingerprints alone."""

    def __init__(self, model: AudioModel, hop: int = 1, *, landmarks: bool = True) -> None:
        own = "with" if landmarks else "without"
        self.name = f"{full_name(model.name, model.version)}, every {hop}. window of a post, {own} landmarks"
        self._model, self._hop, self._has_landmarks = model, hop, landmarks
        self._references: list[Described] = []

    def add(self, references: Sequence[Sound]) -> None:
        """Describe the references."""
        self._references = [self._described(sound) for sound in references]

    def search(self, query: Sound) -> list[float]:
        """Return the scores, 0 to 1."""
        whole, landmarks = self._described(query)
        kept = AudioDescription(whole.vectors[:: self._hop], whole.times_s[:: self._hop])
        return [self.score(Described(kept, landmarks), reference) for reference in self._references]

    def score(self, query: Described, reference: Described) -> float:
        """Return the score of one pair."""
        if not len(query.rows.vectors) or not len(reference.rows.vectors):
            return 0.0
        similarity = relative(query.rows.vectors @ reference.rows.vectors.T)
        if not most_evidence(similarity.max(axis=1), AUDIO):
            return 0.0
        found = alignments(similarity, query.rows.times_s, reference.rows.times_s, AUDIO)
        score = joint_score(found, AUDIO)
        if not self._has_landmarks or score < LEAST_SCORE:
            return score
        lines = [Line(*one.query, one.speed, one.reference[0] - one.speed * one.query[0]) for one in found]
        agreeing = agreements(query.landmarks, reference.landmarks, lines)
        return score_of(weighed(sum(one.evidence for one in found), agreeing), AUDIO)

    def _described(self, sound: Sound) -> Described:
        pcm = resample(sound, RATE_HZ, self._model.rate_hz)
        return Described(self._model.describe(pcm), peaks(pcm))


class ProbedLandmarks(Method):
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


def queries(sounds: Set, seed: int, edits: Sequence[str], every: int = 1) -> Iterator[tuple[str, int | None, Sound]]:
    """Yield edit, number of the reference (None if it is not a copy) and edited sound."""
    pieces = [*enumerate(sounds.references), *((None, piece) for piece in sounds.others)]
    for name in edits:
        for number, (expected, piece) in [*enumerate(pieces)][::every]:
            rng = np.random.default_rng([seed, number, *name.encode()])
            over = {kind: choices[rng.integers(len(choices))] for kind, choices in sounds.over.items()}
            yield name, expected, EDITS[name](part(piece.sound, POST_S, rng), over, rng)


if __name__ == "__main__":
    main()
