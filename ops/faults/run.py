"""One run: a system, a feed, the faults of a plan, and the verification once everything has been processed."""

import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from ops.faults.catalogue import FAULTS, OTHERS
from ops.faults.feed import Feed, Kind, feeding
from ops.faults.offsets import OffsetReader
from ops.faults.plan import Planned, SkippedError
from ops.faults.recovery import Recoveries, Recovery
from ops.faults.system import Death, System, running
from ops.faults.verify import Findings, verify
from ops.threads import running_beside
from streams.topology import STAGES

_RATE = 2.0
"""Posts a second."""
_STALL_S = 420.0
"""Time without any progress after which a wait is hopeless: above the five minutes after which clients find new
partitions."""
_POLL_S = 0.5


class Outcome(NamedTuple):
    """What a run has shown."""

    posts: Counter[Kind]
    done: Counter[str]
    """Faults by kind."""
    skipped: dict[str, str]
    """Why a kind could not be had here."""
    kills: int
    deaths: list[Death]
    recoveries: list[Recovery]
    findings: Findings


@dataclass
class _Run:
    system: System
    recoveries: Recoveries
    done: Counter[str]
    skipped: dict[str, str]

    def play(self, plan: Sequence[Planned], minutes: float) -> None:
        until = time.monotonic() + 60 * minutes
        for number, fault in enumerate(plan, start=1):
            if time.monotonic() > until:
                break
            time.sleep(fault.wait_s)
            self._await_recovery(STAGES if fault.kind in OTHERS else (fault.stage,))
            self._do(number, fault)
            if fault.kind in OTHERS:
                self._await_recovery(STAGES)
        self._await_recovery(STAGES)

    def _do(self, number: int, fault: Planned) -> None:
        print_line(f"{number} {fault.kind} {fault.stage}")
        self.system.fault = fault.kind
        try:
            self.recoveries.watch(fault.kind, FAULTS[fault.kind](self.system, fault))
        except SkippedError as why:
            self.skipped[fault.kind] = str(why)
        else:
            self.done[fault.kind] += 1
            print_line(f"{number} is over")

    def _await_recovery(self, stages: Sequence[str]) -> None:
        """Return once none of these stages is recovering, or none has for a time that shows that it never will."""
        deadline = time.monotonic() + _STALL_S
        while self.recoveries.waiting() & set(stages) and time.monotonic() < deadline:
            time.sleep(_POLL_S)


def run(
    plan: Sequence[Planned],
    seed: int,
    *,
    folder: Path | None = None,
    bootstrap_servers: str | None = None,
    minutes: float = math.inf,
) -> Outcome:
    """Carry out a plan under a continuous feed, and verify its outcome.

    Parameters
    ----------
    folder
        Folder for logs and data, kept; a temporary one by default.
    bootstrap_servers
        A Kafka to use instead of a cluster of one's own; faults of brokers are then skipped.
    minutes
        After this time no further fault of the plan begins.

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
        playing = _Run(system, recoveries, Counter(), {})
        with feeding(feed, _RATE):
            playing.play(plan, minutes)
        system.fault = ""
        findings = _drained(system, feed)
    return Outcome(feed.kinds(), playing.done, playing.skipped, system.kills, system.deaths, recoveries.found, findings)


def print_line(line: str) -> None:
    """Print a line of progress."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}\n")


@contextmanager
def _recovering(system: System) -> Iterator[Recoveries]:
    recoveries = Recoveries(system.settings)
    with running_beside(recoveries.run, "recoveries"):
        yield recoveries


def _drained(system: System, feed: Feed) -> Findings:
    """Return the findings once they are complete, or once nothing has changed for a time that shows a loss."""
    offsets = OffsetReader(system.settings)
    deadline, before = time.monotonic() + _STALL_S, None
    while time.monotonic() < deadline:
        positions = [offsets.position(stage) for stage in STAGES]
        if positions != before:
            deadline, before = time.monotonic() + _STALL_S, positions
        elif all(position is not None and position.is_at_end for position in positions):
            findings = verify(system.settings, feed.posts, system.injected)
            if not (findings.lost or findings.states):
                return findings
            print_line(
                f"{len(findings.lost)} posts without their outcome, {len(findings.states)} states differ: waiting"
            )
            time.sleep(5)
        time.sleep(1)
    return verify(system.settings, feed.posts, system.injected)
