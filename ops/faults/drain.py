"""The end of the topics: once every stage has processed everything, the findings are complete."""

import sys
import time

from ops.faults.feed import Feed
from ops.faults.offsets import OffsetReader
from ops.faults.system import System
from ops.faults.verify import Findings, verify
from streams.topology import STAGES

_STALL_S = 420.0
"""Time without any progress that shows a loss."""


def drained(system: System, feed: Feed) -> Findings:
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
            sys.stderr.write(
                f"{len(findings.lost)} posts without their outcome, {len(findings.states)} states differ: waiting\n"
            )
            time.sleep(5)
        time.sleep(1)
    return verify(system.settings, feed.posts, system.injected)
