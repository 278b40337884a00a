"""Queries of all panels and alerts, run against a real Prometheus."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ops.grafana.boards import BOARDS
from ops.grafana.panel import Board, Panel
from ops.prometheus.alerts import alerts
from ops.prometheus.server import Prometheus, Series
from streams.topology import STAGES

EXPECTED_EMPTY = {
    "Retries": "no transient failure",
    "Second looks asked for": "nothing was found perhaps",
    "Second looks answered": "nothing was found perhaps",
    "Wait for a second look": "nothing was found perhaps",
    "Reconnections": "no feed was disconnected",
    "Failed attempts": "no fetch failed",
    "Notices that failed or were refused": "a dry run sends none",
    "Answers of platforms": "nothing was sent",
}
"""Panels that are expected to be empty in this run, with the reason."""
_NO_DEAD_LETTERS = "this stage gave up on no record"
_NO_DELIVERY = "nothing was delivered"
_STEP_S = 5.0
_RATE = "30s"
_METRIC = re.compile(r"\bjikimi_\w+")


@dataclass(frozen=True, slots=True)
class PanelResult:
    """Series of a panel's queries, with its variables filled."""

    board: Board
    panel: Panel
    stage: str | None
    series: list[list[Series]]
    """Series of each query."""

    @property
    def name(self) -> str:
        """Title of dashboard and panel."""
        title = self.panel.title.replace("$stage", self.stage or "")
        return f"{self.board.title}: {title}" + (f" ({self.stage})" if self.stage and title == self.panel.title else "")

    @property
    def is_empty(self) -> bool:
        """Whether some query returned no number at all."""
        return any(not any(points(series)[1] for series in found) for found in self.series)

    @property
    def expected_empty(self) -> str | None:
        """Reason why the panel is expected to be empty, None if it is not."""
        if self.panel.title == "Dead letters" and self.stage not in (None, "decode"):
            return _NO_DEAD_LETTERS
        if (self.panel.title, self.stage) == ("Bytes out", "delivery"):
            return _NO_DELIVERY
        return EXPECTED_EMPTY.get(self.panel.title)


def query_panels(prometheus: Prometheus, start: float, end: float) -> list[PanelResult]:
    """Run every panel's queries over a time range, for each value of its variable."""
    results = []
    for board, panel, stage in _filled():
        values = {
            "$__rate_interval": _RATE,
            "$__range": f"{end - start:.0f}s",
            "$namespace": ".*",
            "$stage": stage or ".*",
        }
        expressions = [fill(query.expr, values) for query in panel.queries]
        series = [prometheus.query_range(expression, start, end, _STEP_S) for expression in expressions]
        results.append(PanelResult(board, panel, stage, series))
    return results


def query_alerts(prometheus: Prometheus) -> dict[str, list[str]]:
    """Evaluate every alert's expression; return, by alert, its metrics that are missing in this run.

    An alert's expression is normally empty, so only the presence of its metrics can be checked.
    """
    missing = {}
    for alert in alerts():
        prometheus.query(alert["expr"])
        metrics = set(_METRIC.findall(alert["expr"]))
        missing[alert["alert"]] = sorted(metric for metric in metrics if not prometheus.query(f"count({metric})"))
    return missing


def points(series: Series) -> tuple[list[float], list[float]]:
    """Return times and values of a series, without values that are not finite."""
    pairs = [(float(at), float(value)) for at, value in series["values"] if math.isfinite(float(value))]
    return [at for at, _ in pairs], [value for _, value in pairs]


def _filled() -> Iterator[tuple[Board, Panel, str | None]]:
    for board in BOARDS:
        for panel in board.panels:
            for stage in STAGES if "$stage" in str(panel.queries) else (None,):
                yield board, panel, stage


def fill(expr: str, variables: Mapping[str, str]) -> str:
    """Return the expression with Grafana's variables replaced."""
    for name, value in variables.items():
        expr = expr.replace(name, value)
    assert "$" not in expr, expr
    return expr
