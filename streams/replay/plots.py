"""Plots of a comparison as SVG: the same values give the same bytes."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from streams.replay.shift import Point

_STYLE: Any = {"svg.hashsalt": "jikimi", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}
_PANEL_IN = 3.0
_COLOUR = "#2563a8"
_LEAST_AREA, _MOST_AREA = 8.0, 220.0


def plot(panels: dict[str, list[Point]], before: str, after: str) -> str:
    """Return a scatter plot of each panel's points, both axes from 0 to 1; a point's area shows its number of pairs."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_PANEL_IN * len(panels), _PANEL_IN + 0.3), layout="constrained")
        for number, (title, points) in enumerate(panels.items(), 1):
            _scatter(figure.add_subplot(1, len(panels), number), title, points)
        figure.supxlabel(before, fontsize=9)
        figure.supylabel(after, fontsize=9)
        content = io.StringIO()
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()[content.getvalue().index("<svg") :]


def _scatter(axes: Axes, title: str, points: Sequence[Point]) -> None:
    most = max((point.n for point in points), default=1)
    areas = [_LEAST_AREA + (_MOST_AREA - _LEAST_AREA) * (point.n - 1) / max(1, most - 1) for point in points]
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
    before, after = [point.before for point in points], [point.after for point in points]
    axes.scatter(before, after, s=areas, color=_COLOUR, alpha=0.6, linewidths=0)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal", title=f"{title} ({sum(p.n for p in points)})")
