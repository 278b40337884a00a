"""A Faust worker that ends: however it stops, its process is gone in bounded time."""

import os
import threading
from typing import Any

import faust
import structlog

log = structlog.get_logger()

STOP_S = 10.0
"""How long a stop may take once nothing in flight is waited for any longer."""


class BoundedStopWorker(faust.Worker):
    """Faust's worker, which hangs for ever when it is stopped while the broker is away: its consumer thread has died.

    A process that has crashed and does not end is never started again. Ending it hard loses nothing: what was not
    committed is done again.

    Parameters
    ----------
    end_s
        From the beginning of a stop to the hard end, with exit code 1.
    """

    def __init__(self, app: faust.App, *, end_s: float, **options: Any) -> None:  # noqa: ANN401 - passed on as they are
        super().__init__(app, **options)
        self._end_s = end_s

    async def on_stop(self) -> None:
        """Start the clock; called when the stop begins."""
        clock = threading.Timer(self._end_s, _end)
        clock.daemon = True
        clock.start()
        await super().on_stop()


def _end() -> None:
    log.error("worker did not stop in time: ended hard")
    os._exit(1)
