"""What a run has shown up to a comparison, and whether that is what must hold."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ops.faults.feed import Kind
from ops.faults.recovery import Recovery
from ops.faults.system import Death
from ops.faults.verify import Findings

LONG_OUTAGE = "long_outage"
"""What is left of an outage after the time that workers wait for their broker; then they end in order."""
_ENDS_BY_DESIGN = {"disk_full", LONG_OUTAGE}
"""Faults at which a worker stops by itself, so that no record is blamed for its disk or its broker."""


class Outcome(NamedTuple):
    """What a run has shown."""

    posts: Counter[Kind]
    done: Counter[str]
    """Faults by kind."""
    skipped: dict[str, str]
    """Why a kind could not be had here."""
    kills: int
    deaths: Sequence[Death]
    recoveries: Sequence[Recovery]
    findings: Findings


def died(outcome: Outcome) -> list[Death]:
    """Return the deaths of workers that had their partitions, without the stops by design."""
    return [death for death in outcome.deaths if death.was_ready and death.fault not in _ENDS_BY_DESIGN]


def passed(outcome: Outcome) -> bool:
    """Return whether nothing was lost, doubled or wrong, no worker died, and every stage recovered."""
    found = outcome.findings
    return (
        not (found.lost or found.doubled or found.wrong or found.states or found.set_aside)
        and not died(outcome)
        and all(recovery.seconds is not None for recovery in outcome.recoveries)
    )
