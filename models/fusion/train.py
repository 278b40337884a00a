"""Fit the fusion model: ``python -m models.fusion.train TABLE... [--held-out TABLE...] --output FILE``.

ops/bench/fusion_training.py writes the tables from evaluation sets. All printed figures are of cases held out of the
fit: five folds by case, and the tables held out. If the most probable wrong pair among them comes near the threshold to
act, the logit of its strongest cause is lowered until it does not; the lowering is printed. The same tables give the
same file.
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
from models.fusion.fit import fit, fitted_causes, strengths
from models.fusion.table import Pair, read, samples
from models.fusion.weights import Weights
from models.manifest import MANIFEST
from models.metrics import (
    Labels,
    Numbers,
    expected_calibration_error,
    recall_at_threshold,
    reliability_bins,
    safe_threshold,
)

PATH = Path(__file__).with_name("fusion-1.onnx")

_FOLDS = 5
ACT = 0.95
"""Probability at which the shipped policy acts."""
_MARGIN = 1.0
"""Least distance of the most probable wrong pair below `ACT`, log-odds."""
_STEP, _MOST_LOWERED = 0.1, 12.0


class Held(NamedTuple):
    """Pairs held out of a fit, and its weights."""

    pairs: list[Pair]
    weights: Weights

    def strengths(self, lowered: Rows) -> Rows:
        """Return the strength of each cause for each pair, with the logits lowered by so much: (pairs, causes)."""
        return strengths(samples(self.pairs)[0], self.weights.lowered(lowered), len(self.pairs))

    def probabilities(self, lowered: Rows) -> Numbers:
        """Return the probability of each pair, with the logits lowered by so much: (pairs,)."""
        predicted: Numbers = -np.expm1(-self.strengths(lowered).sum(axis=1))
        return predicted


def train(pairs: Sequence[Pair], held_out: Sequence[Pair], act: float = ACT) -> tuple[bytes, str]:
    """Return the ONNX file and the report on pairs held out of the fit.

    Raises
    ------
    ValueError
        There are fewer than two cases with copies, or no wrong pair.
    """
    cases = sorted({pair.case for pair in pairs if pair.copy})
    if len(cases) < 2 or all(pair.copy for pair in pairs):  # noqa: PLR2004 - one to fit, one to hold out
        raise ValueError("too few pairs to fit: copies of at least two cases are needed, and pairs that are no copies")
    found = fit(*samples(pairs))
    held = [*_folds(pairs), *([Held(list(held_out), found)] if held_out else [])]
    lowered = _safe_lowering(held, act)
    return export(*found.lowered(lowered)), _report(pairs, held, lowered, act)


def _folds(pairs: Sequence[Pair]) -> list[Held]:
    """Return each fold with the fit to all other cases."""
    cases = sorted({pair.case for pair in pairs})
    n_folds = min(_FOLDS, len(cases))
    folds = []
    for number in range(n_folds):
        out = set(cases[number::n_folds])
        found = fit(*samples([pair for pair in pairs if pair.case not in out]))
        folds.append(Held([pair for pair in pairs if pair.case in out], found))
    return folds


def _safe_lowering(held: Sequence[Held], act: float) -> Rows:
    """Return the lowering of each cause's logit that keeps all held-out wrong pairs away from the threshold: (causes,).

    Each step lowers the strongest cause of the most probable wrong pair, among the causes that may act alone.
    """
    limit = -math.log1p(-1.0 / (1.0 + math.exp(_MARGIN) * (1.0 - act) / act))
    may_act = np.array([CEILINGS[cause] > act for cause in CAUSES])
    lowered = np.zeros(len(CAUSES))
    while (wrong := _strongest_wrong(held, lowered)).sum() >= limit and lowered.max() < _MOST_LOWERED:
        lowered[np.where(may_act, wrong, -1.0).argmax()] += _STEP
    return lowered


def _strongest_wrong(held: Sequence[Held], lowered: Rows) -> Rows:
    """Return the strength of each cause for the most probable pair that is no copy: (causes,)."""
    wrong = np.concatenate([fold.strengths(lowered)[~_labels(fold.pairs)] for fold in held])
    strongest: Rows = wrong[wrong.sum(axis=1).argmax()]
    return strongest


def _labels(pairs: Sequence[Pair]) -> Labels:
    return np.array([pair.copy for pair in pairs], np.bool_)


def _report(pairs: Sequence[Pair], held: Sequence[Held], lowered: Rows, act: float) -> str:
    labels = np.concatenate([_labels(fold.pairs) for fold in held])
    fitted, shipped = (np.concatenate([fold.probabilities(by) for fold in held]) for by in (0.0 * lowered, lowered))
    changes = ", ".join(f"{cause} by {by:.1f}" for cause, by in zip(CAUSES, lowered, strict=True) if by) or "nothing"
    n_copies, wrong = int(labels.sum()), shipped[~labels]
    bins, safe = reliability_bins(shipped, labels), safe_threshold(shipped, labels)
    at_safe, at_act, at_half = (recall_at_threshold(shipped, labels, threshold) for threshold in (safe, act, 0.5))
    return "\n".join(
        [
            f"fitted to {len(pairs)} pairs: {', '.join(fitted_causes(*samples(pairs)))}; other causes as set by hand",
            f"held out: {n_copies} copies and {len(labels) - n_copies} others",
            f"expected calibration error {expected_calibration_error(reliability_bins(fitted, labels)):.4f} as fitted",
            f"{expected_calibration_error(bins):.4f} with {changes} lowered (log-odds)",
            f"{'pairs':>9} {'predicted':>9} {'observed':>9}",
            *(f"{each.n:9d} {each.predicted:9.4f} {each.observed:9.4f}" for each in bins),
            f"most probable wrong pair {wrong.max(initial=0.0):.4f}",
            f"no wrong act from {safe:.6f} on",
            f"recall there {at_safe:.4f}",
            f"recall at {act:g} {at_act:.4f}, wrong acts {int((wrong >= act).sum())}",
            f"recall at 0.5 {at_half:.4f}, wrong reviews {int((wrong >= 0.5).sum())}",  # noqa: PLR2004
        ]
    )


def write_pinned(graph: bytes, output: Path = PATH) -> str:
    """Write the file, pin it in the manifest if it is the committed one, and return one line about it."""
    sha256 = hashlib.sha256(graph).hexdigest()
    if output == PATH:
        pinned = hashlib.sha256(PATH.read_bytes()).hexdigest()
        MANIFEST.write_text(MANIFEST.read_text().replace(pinned, sha256))
    output.write_bytes(graph)
    return f"{output}  {len(graph)} bytes, sha256 {sha256}"


def main() -> None:
    """Write the file; print its sha256 and the figures of the held-out pairs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--held-out", nargs="*", default=[], type=Path)
    parser.add_argument("--act", default=ACT, type=float)
    parser.add_argument("--output", default=PATH, type=Path)
    arguments = parser.parse_args()
    pairs, held_out = (
        [pair for path in paths for pair in read(path)] for paths in (arguments.tables, arguments.held_out)
    )
    graph, report = train(pairs, held_out, arguments.act)
    sys.stdout.write(f"{report}\n{write_pinned(graph, arguments.output)}\n")


if __name__ == "__main__":
    main()
