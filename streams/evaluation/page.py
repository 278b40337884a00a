"""An evaluation as one page that needs nothing else: no script, no picture of anybody's media."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.fusion.reliability import Bin, calibration_error, reliability
from streams.evaluation import web_page
from streams.evaluation.figures import SENSES, Ranked, Searched, curve_of, ranking
from streams.evaluation.judged import Finding
from streams.evaluation.plots import bars, calibration, curves, timelines

if TYPE_CHECKING:
    from streams.evaluation.evaluate import Result

_MOST_ROWS = 15


def page(result: "Result", searched: Sequence[Searched], title: str) -> str:
    """Return the page; every word of the set is escaped."""
    drawn = {sense: curve_of(searched, sense) for sense in SENSES} | {"fused": curve_of(searched)}
    wrong = sorted((pair for pair in ranking(searched) if not pair.right), key=lambda pair: -pair.value)
    sections = [
        ("Figures", _figures(result)),
        ("Precision and recall", curves(drawn)),
        ("Each edit", bars(result.per_transform, "recall above the first wrong pair, all senses")),
        *((f"Each edit, {sense} alone", bars(found.per_transform, "recall above the first wrong pair of this sense"))
          for sense, found in result.per_modality.items() if sense != "fused" and found.copies),
        (f"Probabilities, calibration error {calibration_error(_bins(searched)):.4f}", calibration(_bins(searched))),
        ("Worst misses: copies, the least probable first (grey: where the copy is)", _rows(_misses(searched))),
        ("Worst false hits: wrong pairs, the most probable first", _rows(wrong)),
        ("What was run", _run(result)),
    ]  # fmt: skip
    return web_page.page(f"Evaluation of {title}", sections)


def _misses(searched: Iterable[Searched]) -> list[Ranked]:
    """Return every copy with what was said of its case, the least probable first."""
    pairs = []
    for each in searched:
        if each.query.expect is not None:
            said = [found for found in each.findings if found.case == each.query.expect]
            found = said[0] if said else Finding(
                case="", probability=0.0, acted=False, scores={}, probabilities={}, intervals={}
            )  # fmt: skip
            pairs.append(Ranked(query=each.query, finding=found, value=found.probability, right=True))
    return sorted(pairs, key=lambda pair: pair.value)


def _bins(searched: Sequence[Searched]) -> list[Bin]:
    """Return how far the probabilities of all pairs with evidence can be believed."""
    pairs = ranking(searched)
    said, right = np.array([pair.value for pair in pairs]), np.array([pair.right for pair in pairs], np.bool_)
    return reliability(said, right)


def _rows(pairs: Sequence[Ranked]) -> str:
    return timelines(pairs[:_MOST_ROWS]) if pairs else "<p>None.</p>"


def _figures(result: "Result") -> str:
    rows = [
        (
            sense,
            str(f.copies),
            f"{f.micro_ap:.4f}",
            f"{f.recall_at_p100:.4f}",
            f"{f.recall_at_p99:.4f}",
            str(f.false_acts),
        )
        for sense, f in result.per_modality.items()
    ]
    return web_page.table(("", "copies", "micro-AP", "recall at precision 1", "at precision 0.99", "false acts"), rows)


def _run(result: "Result") -> str:
    cost = "unknown: descriptors came from a cache" if result.cpu_seconds is None else f"{result.cpu_seconds:.1f} s"
    located = "unknown" if result.interval_iou is None else f"{result.interval_iou:.3f}"
    rows = [
        ("models", ", ".join(result.models)),
        ("references", str(result.references)),
        ("uploads", f"{result.queries}, of which {result.undecodable} could not be decoded in full"),
        ("media of the uploads", f"{result.media_seconds:.0f} s"),
        ("CPU for the uploads", cost),
        ("overlap of found and true place", located),
    ]
    return web_page.table(("", ""), rows)
