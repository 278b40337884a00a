"""One run: a system, a feed, the faults of a plan, and a comparison after every so many of them."""

import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from random import Random

from ops.faults.catalogue import FAULTS, OTHERS
from ops.faults.drain import drained
from ops.faults.feed import Feed, feeding
from ops.faults.outcome import Outcome, passed
from ops.faults.plan import Planned, SkippedError
from ops.faults.recovery import Recoveries
from ops.faults.report import totals
from ops.faults.system import System, running
from ops.threads import running_beside
from streams.topology import STAGES

_RATE = 2.0
"""Posts a second."""
_EVERY = 25
"""Faults between two comparisons."""
_STALL_S = 420.0
"""Time without a recovery after which a wait is hopeless: above the five minutes after which clients find new
partitions."""
_POLL_S = 0.5


@dataclass
class _Run:
    system: System
    feed: Feed
    recoveries: Recoveries
    done: Counter[str]
    skipped: dict[str, str]
    until: float

    def do(self, number: int, fault: Planned) -> bool:
        """Carry out a fault; return whether another may follow: every stage recovers, and there is time."""
        if time.monotonic() > self.until:
            return False
        time.sleep(fault.wait_s)
        if not self._await_recovery(STAGES if fault.kind in OTHERS else (fault.stage,)):
            return False
        self._disturb(number, fault)
        if fault.kind not in OTHERS:
            return True
        recovers = self._await_recovery(STAGES)
        self.system.fault = ""
        return recovers

    def compare(self) -> Outcome:
        """Return what the run has shown, once everything that was fed has been processed."""
        self._await_recovery(STAGES)
        self.system.fault = ""
        with self.feed.held():
            findings = drained(self.system, self.feed)
        outcome = Outcome(
            self.feed.kinds(), self.done, self.skipped, self.system.kills, self.system.deaths, self.recoveries.found,
            findings,
        )  # fmt: skip
        print_line(f"compared after {self.done.total()} faults: {totals(outcome)}")
        return outcome

    def _disturb(self, number: int, fault: Planned) -> None:
        print_line(f"{number} {fault.kind} {fault.stage}")
        self.system.fault = fault.kind
        try:
            self.recoveries.watch(fault.kind, FAULTS[fault.kind](self.system, fault))
        except SkippedError as why:
            self.skipped[fault.kind] = str(why)
        else:
            self.done[fault.kind] += 1
            print_line(f"{number} is over")

    def _await_recovery(self, stages: Sequence[str]) -> bool:
        """Return whether these stages have recovered, in a time after which they never will."""
        deadline = time.monotonic() + _STALL_S
        while self.recoveries.waiting() & set(stages):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True


def outcomes(
    plan: Sequence[Planned], every: int, do: Callable[[int, Planned], bool], compare: Callable[[], Outcome]
) -> Iterator[Outcome]:
    """Carry out the faults; yield what has been shown after every so many and at the end, up to the first harm."""
    for faults in list(batched(enumerate(plan, start=1), every)) or [()]:
        goes_on = all(do(number, fault) for number, fault in faults)
        yield (outcome := compare())
        if not (goes_on and passed(outcome)):
            return


def run(
    plan: Sequence[Planned],
    seed: int,
    *,
    folder: Path | None = None,
    bootstrap_servers: str | None = None,
    minutes: float = math.inf,
    every: int = _EVERY,
) -> Iterator[Outcome]:
    """Carry out a plan under a continuous feed; yield what it has shown at each comparison, the last one final.

    Parameters
    ----------
    folder
        Folder for logs and data, kept; a temporary one by default.
    bootstrap_servers
        A Kafka to use instead of a cluster of one's own; faults of brokers are then skipped.
    minutes
        After this time no further fault of the plan begins.
    every
        Number of faults between two comparisons. A comparison that fails ends the run.

    Raises
    ------
    UnavailableError
        If this machine can run no Kafka.
    UsageError
        If a worker did not start.
    """
    with ExitStack() as stack:
        kept = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jikimi-faults-")))
        system = stack.enter_context(running(kept / "run", bootstrap_servers))
        recoveries = stack.enter_context(_recovering(system))
        feed = Feed(system.settings, system.base_url, system.media, Random(seed))  # noqa: S311 - repeatable
        system.feed = feed
        playing = _Run(system, feed, recoveries, Counter(), {}, time.monotonic() + 60 * minutes)
        stack.enter_context(feeding(feed, _RATE))
        yield from outcomes(plan, every, playing.do, playing.compare)


def print_line(line: str) -> None:
    """Print a line of progress."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}\n")


@contextmanager
def _recovering(system: System) -> Iterator[Recoveries]:
    recoveries = Recoveries(system.settings)
    with running_beside(recoveries.run, "recoveries"):
        yield recoveries
