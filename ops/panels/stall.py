"""Test of a stopped stage: its freshness alert fires, no other stage's, and it resolves when the stage continues."""

import time
from dataclasses import dataclass

from ops.panels.system import System
from streams.demo.processes import Process

EXPECTED = "JikimiStageBehind"
_NO_ANSWER = "JikimiWorkerDown"
"""May fire too: a stopped worker answers no scrape, and on a busy machine the first alert comes as late as this one."""
_FIRES_S = 180.0
_WATCHED_S = 10.0
"""After the alert fires: time for other alerts to fire."""
_RESOLVES_S = 240.0
_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Stall:
    """Observed alerts of one stopped stage."""

    stage: str
    fired_after_s: float | None
    resolved_after_s: float | None
    """Counted from the moment the stage continued."""
    fired: list[str]
    """Every alert that fired while it was stopped, "name stage"."""
    started_again: list[str]
    """Processes that ended when they continued, and were restarted as by Kubernetes."""

    @property
    def is_right(self) -> bool:
        """Whether the stage's alert fired, no other but that its worker does not answer, and resolved."""
        others = set(self.fired) - {_NO_ANSWER}
        return others == {f"{EXPECTED} {self.stage}"} and self.resolved_after_s is not None


def stall(system: System, stage: str) -> Stall:
    """Pause a stage while posts arrive until its alert fires; then resume it until the alert resolves."""
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
