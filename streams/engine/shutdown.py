"""A Faust worker whose process ends within a bounded time after the start of a stop."""

import os
import threading
from typing import Any

import faust
import structlog

log = structlog.get_logger()

STOP_S = 10.0
"""Time for a stop after the wait for records in flight."""


class BoundedStopWorker(faust.Worker):
    """Faust's worker with a hard exit: without one it hangs for ever if it is stopped while the broker is unreachable.

    A crashed process that does not exit is never restarted. The hard exit loses nothing: uncommitted records are
    processed again.

    Parameters
    ----------
    end_s
        From the start of a stop to the hard exit, with exit code 1.
    """

    def __init__(self, app: faust.App, *, end_s: float, **options: Any) -> None:  # noqa: ANN401 - passed on as they are
        super().__init__(app, **options)
        self._end_s = end_s

    async def on_stop(self) -> None:
        """Start the timer of the hard exit; called at the start of a stop."""
        timer = threading.Timer(self._end_s, _exit)
        timer.daemon = True
        timer.start()
        await super().on_stop()


def _exit() -> None:
    log.error("worker did not stop in time: hard exit")
    os._exit(1)
