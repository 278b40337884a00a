"""Sound alone under hard edits: ``python -m ops.bench.sound_edits FOLDER [--landmarks] [--hop N]``.

FOLDER/<package>/** holds unpacked packages that the network was not trained on: singularity-music, asc-music, and the
speech of asterisk-core-sounds-it-wav. Rain, engines, wind and crowds are generated. 40 references of 10 to 60 s; each
is edited in every way, and so are sounds of the same kinds that are not copies: other pieces, other prompts of the same
speaker, other recordings of the same rain or engine. Prints, for each edit, the recall before the first wrong pair and
micro-AP over all pairs, by this repository's network and, with --landmarks, by landmarks.
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
from models.alignment_parameters import AUDIO, AlignmentParameters
from models.audio.likeness import relative
from models.audio.model import AudioDescription, AudioModel
from models.evidence import most_evidence
from models.metrics import precision_recall_curve
from models.registry import Registry
from ops.bench.audio_fingerprint import resample
from ops.bench.edits_of_sound import EDITS, part
from ops.bench.peers.landmarks import Landmarks
from ops.bench.sound_set import POST_S, RATE_HZ, Set, Sound, make_set
from schemas.ids import full_name


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
        self.name = f"{full_name(model.name, model.version)}, every {hop}. window of a post"
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
