"""Report of an evaluation as one self-contained page, without scripts or media."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from models.metrics import expected_calibration_error, reliability_bins
from schemas.messages import MODALITIES
from streams.evaluation import web_page
from streams.evaluation.figures import RankedPair, Searched, curve, ranking
from streams.evaluation.judged import Finding
from streams.evaluation.outcomes import Outcomes
from streams.evaluation.plots import bars, calibration, curves, timelines
from streams.evaluation.result import Result

_MOST_ROWS = 15


def page(result: Result, searched: Sequence[Searched], title: str) -> str:
    """Return the page; all text from the set is escaped."""
    drawn = {modality: curve(searched, modality) for modality in MODALITIES} | {"fused": curve(searched)}
    pairs = ranking(searched)
    wrong = sorted((pair for pair in pairs if not pair.copy), key=lambda pair: -pair.value)
    labels = np.array([pair.copy for pair in pairs], np.bool_)
    bins = reliability_bins(np.array([pair.value for pair in pairs]), labels)
    sections = [
        ("Figures", _figures(result)),
        ("Wrong uploads, under the shipped policy", _wrong(result)),
        ("Copies by edit, under the shipped policy", _outcomes(result.per_edit)),
        ("Copies by material, under the shipped policy", _outcomes(result.per_material)),
        ("Precision and recall", curves(drawn)),
        ("Each edit", bars(result.per_transform, "recall above the first wrong pair, all modalities")),
        *((f"Each edit, {modality} alone", bars(found.per_transform, "recall above the modality's first wrong pair"))
          for modality, found in result.per_modality.items() if modality != "fused" and found.copies),
        (f"Probabilities, calibration error {expected_calibration_error(bins):.4f}", calibration(bins)),
        ("Worst misses: copies, the least probable first (grey: true interval)", _rows(_misses(searched))),
        ("Worst false matches: wrong pairs, the most probable first", _rows(wrong)),
        ("Run", _run(result)),
    ]  # fmt: skip
    return web_page.page(f"Evaluation of {title}", sections)


def _misses(searched: Iterable[Searched]) -> list[RankedPair]:
    """Return every copy with the finding of its case, the least probable first."""
    nothing = Finding(case="", probability=0.0, acted=False, scores={}, probabilities={}, intervals={})
    pairs = []
    for each in searched:
        if each.query.expect is not None:
            found = next((found for found in each.findings if found.case == each.query.expect), nothing)
            pairs.append(RankedPair(query=each.query, finding=found, value=found.probability, copy=True))
    return sorted(pairs, key=lambda pair: pair.value)


def _rows(pairs: Sequence[RankedPair]) -> str:
    return timelines(pairs[:_MOST_ROWS]) if pairs else "<p>None.</p>"


def _figures(result: Result) -> str:
    rows = []
    for modality, found in result.per_modality.items():
        ranks = (f"{value:.4f}" for value in (found.micro_ap, found.recall_at_p100, found.recall_at_p99))
        rows.append((modality, str(found.copies), *ranks, str(found.false_acts)))
    return web_page.table(("", "copies", "micro-AP", "recall at precision 1", "at precision 0.99", "false acts"), rows)


def _outcomes(found: Mapping[str, Outcomes]) -> str:
    rows = [(name, str(each.copies), str(each.act), str(each.review), str(each.lost)) for name, each in found.items()]
    return web_page.table(("", "copies", "act", "review", "lost"), rows)


def _wrong(result: Result) -> str:
    rows = [(name, str(each.uploads), str(each.acts), str(each.reviews)) for name, each in result.wrong.items()]
    return web_page.table(("", "uploads", "wrong acts", "wrong reviews"), rows)


def _run(result: Result) -> str:
    cost = "unknown: descriptors came from a cache" if result.cpu_seconds is None else f"{result.cpu_seconds:.1f} s"
    iou = "unknown" if result.interval_iou is None else f"{result.interval_iou:.3f}"
    rows = [
        ("models", ", ".join(result.models)),
        ("references", str(result.references)),
        ("uploads", f"{result.queries}, of which {result.undecodable} could not be decoded in full"),
        ("media of the uploads", f"{result.media_seconds:.0f} s"),
        ("CPU for the uploads", cost),
        ("second looks", _looks(result)),
        ("overlap of found and true interval", iou),
        *(
            (f"CPU for 60 s of clips of {length}", f"{used:.2f} s")
            for length, used in result.cpu_s_per_minute_by_length.items()
        ),
    ]
    return web_page.table(("", ""), rows)


def _looks(result: Result) -> str:
    if (looks := result.looks) is None:
        return "off"
    cpu = result.look_cpu_seconds
    cost = "from a cache" if cpu is None else f"{cpu:.1f} CPU s"
    return f"{looks.per_upload:.2f} an upload, at {looks.share_of_uploads:.1%} of them, {cost}"
