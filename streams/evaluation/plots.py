"""The plots of an evaluation, as SVG: the same values give the same bytes."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from models.fusion.reliability import Bin
from models.metrics import Curve
from streams.evaluation.figures import Ranked

_STYLE: Any = {"svg.hashsalt": "jikimi", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}
COLOURS = {"fused": "#222222", "visual": "#2563a8", "audio": "#b45309", "text": "#15803d"}
_TRUTH = "#bbbbbb"


def curves(drawn: Mapping[str, Curve]) -> str:
    """Return precision over recall of each sense."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.6, 3.8), layout="constrained")
        axes = figure.add_subplot()
        for sense, each in drawn.items():
            recall, precision = [0.0, *each.recall.tolist()], [1.0, *each.precision.tolist()]
            axes.plot(recall, precision, label=sense, color=COLOURS[sense], linewidth=1.4)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), xlabel="recall", ylabel="precision")
        axes.legend(loc="lower left", frameon=False)
        return _svg(figure)


def bars(shares: Mapping[str, float], title: str) -> str:
    """Return the share of each edit's copies that was found, the worst on top."""
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


def calibration(bins: Sequence[Bin]) -> str:
    """Return a reliability diagram: how many are copies of the pairs that were said to be so probable."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.0, 3.8), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=_TRUTH, linewidth=0.8)
        axes.plot(
            [each.said for each in bins], [each.true for each in bins], "o-", color=COLOURS["fused"], markersize=4
        )
        for each in bins:
            axes.annotate(str(each.n), (each.said, each.true), (4, -9), textcoords="offset points", fontsize=7)
        axes.set(xlim=(-0.03, 1.08), ylim=(-0.05, 1.05), xlabel="probability said", ylabel="share of copies")
        return _svg(figure)


def timelines(pairs: Sequence[Ranked]) -> str:
    """Return a row for each upload: where the copy is, and where each sense found the case."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8.0, 0.7 + 0.42 * len(pairs)), layout="constrained")
        axes = figure.add_subplot()
        for row, pair in enumerate(pairs):
            if pair.right and pair.query.interval:
                start_s, end_s = pair.query.interval
                axes.broken_barh([(start_s, end_s - start_s)], (row - 0.4, 0.8), color=_TRUTH)
            for level, (sense, (start_s, end_s)) in enumerate(sorted(pair.finding.intervals.items())):
                axes.broken_barh([(start_s, end_s - start_s)], (row - 0.2 + 0.25 * level, 0.2), color=COLOURS[sense])
        labels = [f"{pair.query.id} | {pair.finding.case or 'nothing'} {pair.value:.3f}" for pair in pairs]
        axes.set(yticks=range(len(pairs)), yticklabels=labels, xlabel="seconds of the upload", ylim=(-0.6, len(pairs)))
        axes.invert_yaxis()
        return _svg(figure)


def _svg(figure: Figure) -> str:
    content = io.StringIO()
    figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()[content.getvalue().index("<svg") :]
