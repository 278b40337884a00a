"""Fit the fusion model: ``python -m models.fusion.train TABLE... [--held-out TABLE...] --output FILE``.

A table is what ops/bench/fusion_training.py keeps of an evaluation's set. What is printed is measured on cases that
the fit did not see: five folds by case, and the tables held out. If the strongest wrong pair among them would come near
the threshold to act, the cause that speaks for it is made less sure until it does not; by how much is printed. The same
tables give the same file.
"""

import argparse
import hashlib
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.fusion.basis import CAUSES, CEILINGS, Rows
from models.fusion.export import export
from models.fusion.fit import Labels, fit, learned, spoken
from models.fusion.reliability import Probabilities, calibration_error, recall, reliability, safe_threshold
from models.fusion.table import Pair, read, samples
from models.fusion.weights import Weights
from models.manifest import MANIFEST

PATH = Path(__file__).with_name("fusion-1.onnx")

_FOLDS = 5
ACT = 0.95
"""Probability at which the shipped policy acts."""
_MARGIN = 1.0
"""Log-odds that the strongest wrong pair must stay below it."""
_STEP, _MOST_LOWERED = 0.1, 12.0


class Held(NamedTuple):
    """Pairs that a fit did not see, and its weights."""

    pairs: list[Pair]
    weights: Weights

    def spoken(self, lowered: Rows) -> Rows:
        """Return how strongly each cause speaks for each pair, the weights lowered by so many log-odds."""
        return spoken(samples(self.pairs)[0], self.weights.lowered(lowered), len(self.pairs))

    def probabilities(self, lowered: Rows) -> Probabilities:
        """Return the probability of each pair, likewise."""
        said: Probabilities = -np.expm1(-self.spoken(lowered).sum(axis=1))
        return said


def train(pairs: Sequence[Pair], held_out: Sequence[Pair], act: float = ACT) -> tuple[bytes, str]:
    """Return the ONNX file and the report on pairs that were not learnt from.

    Raises
    ------
    ValueError
        If there are not at least two cases with copies to tell apart, or no wrong pair.
    """
    cases = sorted({pair.case for pair in pairs if pair.copy})
    if len(cases) < 2 or all(pair.copy for pair in pairs):  # noqa: PLR2004 - one to learn from, one to hold out
        raise ValueError("nothing to learn from: copies of two cases at least, and pairs that are none, are needed")
    found = fit(*samples(pairs))
    held = [*_folds(pairs), *([Held(list(held_out), found)] if held_out else [])]
    lowered = _safe_lowering(held, act)
    return export(*found.lowered(lowered)), _report(pairs, held, lowered, act)


def _folds(pairs: Sequence[Pair]) -> list[Held]:
    """Fit without the cases of each fold in turn."""
    cases = sorted({pair.case for pair in pairs})
    n_folds = min(_FOLDS, len(cases))
    folds = []
    for number in range(n_folds):
        out = set(cases[number::n_folds])
        found = fit(*samples([pair for pair in pairs if pair.case not in out]))
        folds.append(Held([pair for pair in pairs if pair.case in out], found))
    return folds


def _safe_lowering(held: Sequence[Held], act: float) -> Rows:
    """Return by how much to lower each cause, so that no wrong pair held out comes near the threshold.

    Step by step the cause that speaks loudest for the strongest wrong pair, of those that may act alone.
    """
    limit = -math.log1p(-1.0 / (1.0 + math.exp(_MARGIN) * (1.0 - act) / act))
    may_act = np.array([CEILINGS[cause] > act for cause in CAUSES])
    lowered = np.zeros(len(CAUSES))
    while (wrong := _most_wrong(held, lowered)).sum() >= limit and lowered.max() < _MOST_LOWERED:
        lowered[np.where(may_act, wrong, -1.0).argmax()] += _STEP
    return lowered


def _most_wrong(held: Sequence[Held], lowered: Rows) -> Rows:
    """Return how strongly each cause speaks for the strongest pair that is no copy."""
    wrong = np.concatenate([fold.spoken(lowered)[~_labels(fold.pairs)] for fold in held])
    strongest: Rows = wrong[wrong.sum(axis=1).argmax()]
    return strongest


def _labels(pairs: Sequence[Pair]) -> Labels:
    return np.array([pair.copy for pair in pairs], np.bool_)


def _report(pairs: Sequence[Pair], held: Sequence[Held], lowered: Rows, act: float) -> str:
    labels = np.concatenate([_labels(fold.pairs) for fold in held])
    fitted, shipped = (np.concatenate([fold.probabilities(by) for fold in held]) for by in (0.0 * lowered, lowered))
    told = ", ".join(f"{cause} by {by:.1f}" for cause, by in zip(CAUSES, lowered, strict=True) if by) or "nothing"
    n_copies = int(labels.sum())
    return "\n".join(
        [
            f"learnt from {len(pairs)} pairs; fitted: {', '.join(learned(*samples(pairs)))}; the rest as set by hand",
            f"held out: {n_copies} copies and {len(labels) - n_copies} others",
            f"expected calibration error {calibration_error(reliability(fitted, labels)):.4f} as fitted",
            f"{calibration_error(reliability(shipped, labels)):.4f} with {told} lowered (log-odds)",
            f"{'pairs':>8} {'said':>8} {'true':>8}",
            *(f"{found.n:8d} {found.said:8.4f} {found.true:8.4f}" for found in reliability(shipped, labels)),
            f"strongest wrong pair {shipped[~labels].max(initial=0.0):.4f}",
            f"no wrong act from {safe_threshold(shipped, labels):.6f} on",
            f"recall there {recall(shipped, labels, safe_threshold(shipped, labels)):.4f}",
            f"recall at {act:g} {recall(shipped, labels, act):.4f}, wrong acts {int((shipped[~labels] >= act).sum())}",
            f"recall at 0.5 {recall(shipped, labels, 0.5):.4f}, wrong reviews {int((shipped[~labels] >= 0.5).sum())}",  # noqa: PLR2004
        ]
    )


def put(graph: bytes, output: Path = PATH) -> str:
    """Write the file, pin it in the manifest if it is the committed one, and return what to say of it."""
    sha256 = hashlib.sha256(graph).hexdigest()
    if output == PATH:
        known = hashlib.sha256(PATH.read_bytes()).hexdigest()
        MANIFEST.write_text(MANIFEST.read_text().replace(known, sha256))
    output.write_bytes(graph)
    return f"{output}  {len(graph)} bytes, sha256 {sha256}"


def main() -> None:
    """Write the file, print the figures on what was held out and the file's sha256."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--held-out", nargs="*", default=[], type=Path)
    parser.add_argument("--act", default=ACT, type=float)
    parser.add_argument("--output", default=PATH, type=Path)
    asked = parser.parse_args()
    pairs, held_out = ([pair for path in paths for pair in read(path)] for paths in (asked.tables, asked.held_out))
    graph, report = train(pairs, held_out, asked.act)
    sys.stdout.write(f"{report}\n{put(graph, asked.output)}\n")


if __name__ == "__main__":
    main()
