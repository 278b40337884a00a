"""Panels and dashboards as plain values; `ops.grafana.build` converts them to Grafana's format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ops.prometheus.signals import over, where

Kind = Literal["stat", "lines", "heatmap"]
_SYSTEM = 'namespace=~"$namespace"'


@dataclass(frozen=True, slots=True)
class Query:
    """One Prometheus query and the legend of its series."""

    signal: str
    legend: str = ""

    @property
    def expr(self) -> str:
        """The signal for the selected system and time range."""
        return over(where(self.signal, _SYSTEM), "$__rate_interval")


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its queries, unit and layout."""

    title: str
    description: str
    unit: str
    """Grafana's name of the unit: s, bytes, Bps, percentunit, ..."""
    queries: Sequence[Query]
    kind: Kind = "lines"
    limits: tuple[float, ...] = ()
    """Thresholds for yellow and red, or only red."""
    width: int = 12
    """Width in columns, of 24."""
    repeat: str | None = None
    """Variable for each value of which the panel is repeated."""
    no_value: str | None = None
    """Text of the panel without series."""


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    name: str
    """Name of its file, and after `jikimi-` its uid."""
    title: str
    description: str
    rows: dict[str, Sequence[Panel]]
    """Panels by their heading."""
    stage: Literal["none", "one", "all"] = "none"
    """Whether there is a stage selector, and its default."""

    @property
    def panels(self) -> list[Panel]:
        """All panels in order."""
        return [panel for panels in self.rows.values() for panel in panels]


def lines(title: str, description: str, unit: str, signals: Mapping[str, str], **options: object) -> Panel:
    """Return a panel of lines over time, from its signals by legend."""
    queries = [Query(signal, legend) for legend, signal in signals.items()]
    return Panel(title, description, unit, queries, "lines", **options)  # type: ignore[arg-type]


def number(title: str, description: str, unit: str, signal: str, **options: object) -> Panel:
    """Return a panel of one number, the latest value."""
    return Panel(title, description, unit, [Query(signal)], "stat", **{"width": 6, **options})  # type: ignore[arg-type]


def buckets(title: str, description: str, unit: str, signal: str, **options: object) -> Panel:
    """Return a heatmap of a histogram."""
    return Panel(title, description, unit, [Query(signal)], "heatmap", **options)  # type: ignore[arg-type]
