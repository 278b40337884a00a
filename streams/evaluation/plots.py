"""Plots of an evaluation as SVG; the same values give the same bytes."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from models.metrics import PrecisionRecallCurve, ReliabilityBin
from streams.evaluation.figures import RankedPair

_STYLE: Any = {"svg.hashsalt": "jikimi", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}
COLOURS = {"fused": "#222222", "visual": "#2563a8", "audio": "#b45309", "text": "#15803d"}
_TRUTH = "#bbbbbb"


def curves(drawn: Mapping[str, PrecisionRecallCurve]) -> str:
    """Return the precision-recall curve of each modality."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.6, 3.8), layout="constrained")
        axes = figure.add_subplot()
        for modality, each in drawn.items():
            recall, precision = [0.0, *each.recall.tolist()], [1.0, *each.precision.tolist()]
            axes.plot(recall, precision, label=modality, color=COLOURS[modality], linewidth=1.4)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), xlabel="recall", ylabel="precision")
        axes.legend(loc="lower left", frameon=False)
        return _svg(figure)


def bars(shares: Mapping[str, float], title: str) -> str:
    """Return a bar chart of each edit's recall, lowest on top."""
    ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]), reverse=True)
    names, values = [name for name, _ in ordered], [share for _, share in ordered]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 0.6 + 0.19 * len(names)), layout="constrained")
        axes = figure.add_subplot()
        axes.barh(range(len(names)), values, color=COLOURS["visual"], height=0.7)
        axes.set(xlim=(0, 1.08), yticks=range(len(names)), yticklabels=names, xlabel=title)
        axes.invert_yaxis()
        for row, value in enumerate(values):
            axes.text(value + 0.01, row, f"{value:.2f}", va="center", fontsize=7)
        return _svg(figure)


def calibration(bins: Sequence[ReliabilityBin]) -> str:
    """Return a reliability diagram: observed share of copies over predicted probability."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.0, 3.8), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=_TRUTH, linewidth=0.8)
        predicted, observed = [each.predicted for each in bins], [each.observed for each in bins]
        axes.plot(predicted, observed, "o-", color=COLOURS["fused"], markersize=4)
        for each in bins:
            axes.annotate(str(each.n), (each.predicted, each.observed), (4, -9), textcoords="offset points", fontsize=7)
        axes.set(xlim=(-0.03, 1.08), ylim=(-0.05, 1.05), xlabel="predicted probability", ylabel="share of copies")
        return _svg(figure)


def timelines(pairs: Sequence[RankedPair]) -> str:
    """Return a row for each upload: interval of the copy, and intervals in which each modality found the case."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8.0, 0.7 + 0.42 * len(pairs)), layout="constrained")
        axes = figure.add_subplot()
        for row, pair in enumerate(pairs):
            if pair.copy and pair.query.interval:
                start_s, end_s = pair.query.interval
                axes.broken_barh([(start_s, end_s - start_s)], (row - 0.4, 0.8), color=_TRUTH)
            for level, (modality, (start_s, end_s)) in enumerate(sorted(pair.finding.intervals.items())):
                axes.broken_barh([(start_s, end_s - start_s)], (row - 0.2 + 0.25 * level, 0.2), color=COLOURS[modality])
        labels = [f"{pair.query.id} | {pair.finding.case or 'nothing'} {pair.value:.3f}" for pair in pairs]
        axes.set(yticks=range(len(pairs)), yticklabels=labels, xlabel="seconds of the upload", ylim=(-0.6, len(pairs)))
        axes.invert_yaxis()
        return _svg(figure)


def lines(drawn: Mapping[str, Mapping[float, float]]) -> str:
    """Return figures over sizes, both axes logarithmic where all values are positive."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.6, 2.8), layout="constrained")
        axes = figure.add_subplot()
        for name, points in drawn.items():
            axes.plot(list(points), list(points.values()), "o-", label=name, linewidth=1.4, markersize=4)
        axes.set_xscale("log")
        if min(min(points.values()) for points in drawn.values()) > 0:
            axes.set_yscale("log")
        axes.legend(loc="best", frameon=False)
        return _svg(figure)


def _svg(figure: Figure) -> str:
    content = io.StringIO()
    figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()[content.getvalue().index("<svg") :]
