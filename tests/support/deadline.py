"""The one deadline of the suite's waits."""

import time
from collections.abc import Callable

DEADLINE_S = 300.0
"""So long that it only ends a wait that is hopeless: no verdict depends on how busy the machine is."""
_PAUSE_S = 0.05
_PAUSES = 4
"""Pauses are this many times as long as a look: other tests need the processor for what is waited for."""


def until(condition: Callable[[], object], what: str = "what is waited for") -> None:
    """Return as soon as the condition holds."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        began = time.monotonic()
        if condition():
            return
        looked = time.monotonic()
        assert looked < deadline, f"not within {DEADLINE_S:g} s: {what}"
        time.sleep(min(max(_PAUSE_S, _PAUSES * (looked - began)), 1.0))
