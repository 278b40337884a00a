"""An evaluation as one page that needs nothing else: no script, no picture of anybody's media."""

from collections.abc import Iterable, Sequence
from html import escape
from string import Template
from typing import TYPE_CHECKING

import numpy as np

from models.fusion.reliability import Bin, calibration_error, reliability
from streams.evaluation.figures import SENSES, Ranked, Searched, curve_of, ranking
from streams.evaluation.judged import Finding
from streams.evaluation.plots import bars, calibration, curves, timelines

if TYPE_CHECKING:
    from streams.evaluation.run import Result

_MOST_ROWS = 15
_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; margin: .5rem 0 }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid #ddd }
td { font-variant-numeric: tabular-nums }
svg { max-width: 100%; height: auto }
</style>
<h1>$title</h1>
$body
</html>
""")


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
    body = "\n".join(f"<h2>{escape(name)}</h2>\n{content}" for name, content in sections)
    return _PAGE.substitute(title=f"Evaluation of {escape(title)}", body=body)


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
    return _table(("", "copies", "micro-AP", "recall at precision 1", "at precision 0.99", "false acts"), rows)


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
    return _table(("", ""), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    lines = ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table><tr>{head}</tr>\n" + "\n".join(lines) + "</table>"
