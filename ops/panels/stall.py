"""A stage that stands: its freshness alert fires and no other, and resolves when it goes on."""

import time
from dataclasses import dataclass

from ops.panels.system import System
from streams.demo.processes import Process

EXPECTED = "JikimiStageBehind"
_FIRES_S = 180.0
_WATCHED_S = 10.0
"""After the alert fires: what else fires has its chance to."""
_RESOLVES_S = 240.0
_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Stall:
    """What was seen of it."""

    stage: str
    fired_after_s: float | None
    resolved_after_s: float | None
    """From the moment the stage went on."""
    fired: list[str]
    """Every alert that fired while it stood, "name stage"."""
    started_again: list[str]
    """Processes that ended when they went on, and were started as Kubernetes would."""

    @property
    def is_right(self) -> bool:
        """Whether the one alert fired, for that stage, and resolved."""
        return self.fired == [f"{EXPECTED} {self.stage}"] and self.resolved_after_s is not None


def stall(system: System, stage: str) -> Stall:
    """Pause a stage while posts come until its alert fires; then let it go on until the alert is gone."""
    worker = system.processes[stage]
    worker.pause()
    began = time.monotonic()
    seen: set[str] = set()
    fired_after = _watch(system, seen, stage, began)
    worker.resume()
    went_on = time.monotonic()
    started_again, resolved_after = _recover(system, worker, stage, went_on)
    return Stall(stage, fired_after, resolved_after, sorted(seen), started_again)


def _watch(system: System, seen: set[str], stage: str, began: float) -> float | None:
    fired_after = None
    until = began + _FIRES_S
    while (now := time.monotonic()) < until:
        seen |= _firing(system)
        if fired_after is None and f"{EXPECTED} {stage}" in seen:
            fired_after, until = now - began, now + _WATCHED_S
        time.sleep(_POLL_S)
    return fired_after


def _recover(system: System, worker: Process, stage: str, went_on: float) -> tuple[list[str], float | None]:
    started_again: list[str] = []
    while (now := time.monotonic()) < went_on + _RESOLVES_S:
        started_again += system.mend()
        if f"{EXPECTED} {stage}" not in _firing(system) and worker.is_alive():
            return started_again, now - went_on
        time.sleep(_POLL_S)
    return started_again, None


def _firing(system: System) -> set[str]:
    return {f"{labels['alertname']} {labels.get('stage', '')}".strip() for labels in system.prometheus.firing()}
