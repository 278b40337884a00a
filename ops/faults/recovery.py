"""Recovery of a stage: until it has committed all that waited for it when a fault ended, and at least one record."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from ops.faults.offsets import OffsetReader, Position
from streams.settings import Settings
from streams.topology import STAGES

_POLL_S = 0.25


@dataclass
class Recovery:
    """One stage after one fault."""

    fault: str
    stage: str
    since: float
    """End of the fault, on the monotonic clock."""
    start: Position | None = None
    """Where the stage was then; None until the broker answers."""
    seconds: float | None = None
    """None until it has recovered."""

    def update(self, now: Position) -> None:
        """Compare with the stage's position now."""
        if self.start is None:
            self.start = now
        if now.has_reached(self.start.ends) and now.committed != self.start.committed:
            self.seconds = time.monotonic() - self.since


@dataclass
class Recoveries:
    """Recoveries of a run, measured by a thread."""

    settings: Settings
    found: list[Recovery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._offsets = OffsetReader(self.settings)
        self._lock = threading.Lock()

    def watch(self, fault: str, stages: Iterable[str]) -> None:
        """Measure the recovery of these stages from a fault that has ended now."""
        since = time.monotonic()
        with self._lock:
            self.found += [Recovery(fault, stage, since) for stage in stages]

    def waiting(self) -> set[str]:
        """Return the stages that have not recovered."""
        with self._lock:
            return {recovery.stage for recovery in self.found if recovery.seconds is None}

    def run(self, over: threading.Event) -> None:
        """Measure until the event is set."""
        while not over.wait(_POLL_S):
            waiting = self.waiting()
            for stage in [stage for stage in STAGES if stage in waiting]:
                if (position := self._offsets.position(stage)) is not None:
                    self._update(stage, position)

    def _update(self, stage: str, position: Position) -> None:
        with self._lock:
            for recovery in self.found:
                if recovery.stage == stage and recovery.seconds is None:
                    recovery.update(position)
