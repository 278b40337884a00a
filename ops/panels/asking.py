"""Every panel's and every alert's question asked of a real Prometheus."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ops.grafana.boards import BOARDS
from ops.grafana.panel import Board, Panel
from ops.prometheus.alerts import alerts
from ops.prometheus.server import Prometheus, Series
from streams.topology import STAGES

SILENT = {
    "Retries": "nothing failed for a moment",
    "Reconnections": "no feed was cut",
}
"""Panels that are rightly empty in this run, and why."""
_GIVES_UP_ON_NOTHING = "this stage gave up on nothing"
_STEP_S = 5.0
_RATE = "30s"
_METRIC = re.compile(r"\bjikimi_\w+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a panel's queries gave, with its variables filled."""

    board: Board
    panel: Panel
    stage: str | None
    series: list[list[Series]]
    """Of each query."""

    @property
    def name(self) -> str:
        """The panel for a person."""
        title = self.panel.title.replace("$stage", self.stage or "")
        return f"{self.board.title}: {title}" + (f" ({self.stage})" if self.stage and title == self.panel.title else "")

    @property
    def is_empty(self) -> bool:
        """Whether some query gave no number at all."""
        return any(not any(_numbers(series) for series in found) for found in self.series)

    @property
    def excuse(self) -> str | None:
        """Why it is rightly empty, if it is."""
        if self.panel.title == "Dead letters" and self.stage not in (None, "decode"):
            return _GIVES_UP_ON_NOTHING
        return SILENT.get(self.panel.title)


def ask_panels(prometheus: Prometheus, start: float, end: float) -> list[Answer]:
    """Ask every panel's questions over a time range, for each value of its variable."""
    return [
        Answer(board, panel, stage, [_ask(prometheus, query.expr, stage, start, end) for query in panel.queries])
        for board, panel, stage in _filled()
    ]


def ask_alerts(prometheus: Prometheus) -> dict[str, list[str]]:
    """Evaluate every alert's expression; return, by alert, the metrics in it that this run never showed.

    An alert says nothing when all is well, so that its metrics are there is what can be seen of it.
    """
    missing = {}
    for alert in alerts():
        prometheus.query(alert["expr"])
        metrics = set(_METRIC.findall(alert["expr"]))
        missing[alert["alert"]] = sorted(metric for metric in metrics if not prometheus.query(f"count({metric})"))
    return missing


def points(series: Series) -> tuple[list[float], list[float]]:
    """Return times and values of a series, without what is no number."""
    pairs = [(float(at), float(value)) for at, value in series["values"] if math.isfinite(float(value))]
    return [at for at, _ in pairs], [value for _, value in pairs]


def _filled() -> Iterator[tuple[Board, Panel, str | None]]:
    for board in BOARDS:
        for panel in board.panels:
            for stage in STAGES if "$stage" in str(panel.queries) else (None,):
                yield board, panel, stage


def _ask(prometheus: Prometheus, expr: str, stage: str | None, start: float, end: float) -> list[Series]:
    return prometheus.query_range(fill(expr, _variables(stage, end - start)), start, end, _STEP_S)


def _variables(stage: str | None, range_s: float) -> Mapping[str, str]:
    return {"$__rate_interval": _RATE, "$__range": f"{range_s:.0f}s", "$namespace": ".*", "$stage": stage or ".*"}


def fill(expr: str, variables: Mapping[str, str]) -> str:
    """Return the expression with Grafana's variables replaced."""
    for name, value in variables.items():
        expr = expr.replace(name, value)
    assert "$" not in expr, expr
    return expr


def _numbers(series: Series) -> list[float]:
    return points(series)[1]
