"""Dashboards as pictures, drawn from the results of a real Prometheus, for readers without Grafana."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from ops.grafana.panel import Query
from ops.panels.queries import PanelResult, points
from ops.prometheus.server import Series

_UNITS = {"s": "seconds", "ops": "per second", "Bps": "bytes per second", "percentunit": "share", "short": "count"}
_COLUMNS = 24
_PIXELS_PER_INCH = 90
_MOST_LINES = 9


def draw(title: str, results: Sequence[PanelResult], started_at: float, file: Path) -> None:
    """Draw panels in rows of 24 columns, in Grafana's layout, into a PNG."""
    rows = _rows(results)
    heights = [1.3 if all(result.panel.kind == "stat" for result in row) else 3.0 for row in rows]
    figure = plt.figure(figsize=(14, sum(heights) + 0.6), layout="constrained")
    # One figure per row, because otherwise the labels of one row shift the axes of another.
    parts = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, row in zip(parts, rows, strict=True):
        widths = [result.panel.width for result in row]
        if rest := _COLUMNS - sum(widths):
            widths.append(rest)
        grid = part.add_gridspec(1, len(widths), width_ratios=widths)
        for number, result in enumerate(row):
            _draw(part.add_subplot(grid[0, number]), result, started_at)
    figure.suptitle(title, fontsize=13)
    figure.savefig(file, dpi=_PIXELS_PER_INCH, metadata={"Software": None})
    plt.close(figure)


def _rows(results: Sequence[PanelResult]) -> list[list[PanelResult]]:
    rows: list[list[PanelResult]] = []
    for result in results:
        if not rows or sum(placed.panel.width for placed in rows[-1]) + result.panel.width > _COLUMNS:
            rows.append([])
        rows[-1].append(result)
    return rows


def _draw(axes: Axes, result: PanelResult, started_at: float) -> None:
    title = result.panel.title.replace("$stage", result.stage or "")
    if result.panel.kind == "stat":
        _draw_number(axes, result, title)
        return
    axes.set_title(title, fontsize=10, loc="left")
    if result.is_empty:
        axes.text(0.5, 0.5, result.panel.no_value or "no data", transform=axes.transAxes, ha="center", color="grey")
    elif result.panel.kind == "heatmap":
        _draw_heatmap(axes, result.series[0], started_at)
    else:
        _draw_lines(axes, result, started_at)
    axes.set_ylabel(_UNITS.get(result.panel.unit, result.panel.unit), fontsize=8)
    axes.set_xlabel("minutes into the run", fontsize=8)
    axes.tick_params(labelsize=8)


def _draw_number(axes: Axes, result: PanelResult, title: str) -> None:
    values = [value for series in result.series[0] for value in points(series)[1][-1:]]
    unit = {"s": " s", "percentunit": " %"}.get(result.panel.unit, "")
    value = values[0] * (100 if result.panel.unit == "percentunit" else 1) if values else None
    reached = sum(limit <= values[0] for limit in result.panel.limits) if values else 0
    colors = ["#3a8f4d", "#d9a400", "#c4312f"] if len(result.panel.limits) > 1 else ["#3a8f4d", "#c4312f"]
    axes.set_axis_off()
    axes.text(0.5, 0.85, title, ha="center", va="top", fontsize=9, transform=axes.transAxes)
    text = "no data" if value is None else f"{value:.3g}{unit}"
    color = colors[reached] if values else "grey"
    axes.text(0.5, 0.2, text, ha="center", fontsize=20, color=color, transform=axes.transAxes)


def _draw_lines(axes: Axes, result: PanelResult, started_at: float) -> None:
    for query, found in zip(result.panel.queries, result.series, strict=True):
        for series in found[:_MOST_LINES]:
            at, values = points(series)
            axes.plot(_minutes(at, started_at), values, label=_legend(query, series["metric"]), linewidth=1.3)
    top = axes.get_ylim()[1]
    for limit in result.panel.limits:
        if limit < 2 * top:
            axes.axhline(limit, color="#c4312f", linestyle="--", linewidth=0.8)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=7, loc="upper left", framealpha=0.6)


def _draw_heatmap(axes: Axes, found: Sequence[Series], started_at: float) -> None:
    """Draw the observations of each bucket; Prometheus' counts are cumulative."""
    ordered = sorted(found, key=lambda series: float(series["metric"]["le"]))
    bounds = [float(series["metric"]["le"]) for series in ordered]
    at = sorted({moment for series in ordered for moment in points(series)[0]})
    upto = np.array([_aligned(series, at) for series in ordered])
    each = np.diff(upto, axis=0, prepend=0)
    step = at[1] - at[0] if len(at) > 1 else 1.0
    edges = _minutes([*at, at[-1] + step], started_at)
    mesh = axes.pcolormesh(edges, np.arange(len(bounds) + 1), np.ma.masked_less_equal(each, 0), cmap="Oranges")
    axes.set_yticks(
        np.arange(1, len(bounds) + 1), ["more" if bound == float("inf") else f"{bound:g}" for bound in bounds]
    )
    filled = np.flatnonzero(each.sum(axis=1) > 0)
    axes.set_ylim(max(0, filled[0] - 1), min(len(bounds), filled[-1] + 2))
    axes.figure.colorbar(mesh, ax=axes, label="per second", pad=0.01).ax.tick_params(labelsize=7)
    axes.set_facecolor("#f7f7f7")


def _aligned(series: Series, at: Sequence[float]) -> list[float]:
    values = dict(zip(*points(series), strict=True))
    return [values.get(moment, 0.0) for moment in at]


def _minutes(at: Sequence[float], started_at: float) -> list[float]:
    return [(moment - started_at) / 60 for moment in at]


def _legend(query: Query, labels: dict[str, str]) -> str:
    text = query.legend
    for name, value in labels.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text
