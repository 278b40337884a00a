"""What a run has shown up to a comparison, and whether that is what must hold."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ops.faults.feed import Kind
from ops.faults.recovery import Recovery
from ops.faults.system import Death
from ops.faults.verify import Findings


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


def passed(outcome: Outcome) -> bool:
    """Return whether nothing was lost, doubled or wrong, no worker died, and every stage recovered."""
    found = outcome.findings
    return (
        not (found.lost or found.doubled or found.wrong or found.states or found.set_aside)
        and not any(death.was_ready for death in outcome.deaths)
        and all(recovery.seconds is not None for recovery in outcome.recoveries)
    )
