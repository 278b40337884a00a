"""Panels and dashboards as plain values; `ops.grafana.build` makes of them what Grafana loads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ops.prometheus.signals import over, where

Kind = Literal["stat", "lines", "heatmap"]
_SYSTEM = 'namespace=~"$namespace"'


@dataclass(frozen=True, slots=True)
class Query:
    """One question to Prometheus, a signal, and how its answers are called."""

    signal: str
    legend: str = ""

    @property
    def expr(self) -> str:
        """The signal for the system and the time range that are looked at."""
        return over(where(self.signal, _SYSTEM), "$__rate_interval")


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it answers, in which unit."""

    title: str
    description: str
    unit: str
    """As Grafana names it: s, bytes, Bps, percentunit, ..."""
    queries: Sequence[Query]
    kind: Kind = "lines"
    limits: tuple[float, ...] = ()
    """Where it turns yellow and red, or only red."""
    width: int = 12
    """Of 24 columns."""
    repeat: str | None = None
    """Variable of whose every value there is one such panel."""
    no_value: str | None = None
    """What an empty answer means."""


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    name: str
    """Of its file, and after `jikimi-` its uid."""
    title: str
    description: str
    rows: dict[str, Sequence[Panel]]
    """Panels by the heading they stand under."""
    stage: Literal["none", "one", "all"] = "none"
    """Whether a stage is chosen at the top, and what is chosen at first."""

    @property
    def panels(self) -> list[Panel]:
        """All panels in order."""
        return [panel for panels in self.rows.values() for panel in panels]


def lines(title: str, description: str, unit: str, *queries: Query, **options: object) -> Panel:
    """Return a panel of lines over time."""
    return Panel(title, description, unit, queries, "lines", **options)  # type: ignore[arg-type]


def number(title: str, description: str, unit: str, query: Query, **options: object) -> Panel:
    """Return a panel of one number: the latest."""
    return Panel(title, description, unit, [query], "stat", **{"width": 6, **options})  # type: ignore[arg-type]


def buckets(title: str, description: str, unit: str, query: Query, **options: object) -> Panel:
    """Return a heatmap of a histogram."""
    return Panel(title, description, unit, [query], "heatmap", **options)  # type: ignore[arg-type]
