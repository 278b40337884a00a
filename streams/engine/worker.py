"""`jikimi worker`: one process, from its start to its exit code."""

import os
import threading
from collections.abc import Sequence
from typing import Any

import faust
import structlog

from streams.engine.app import create_app
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.telemetry.metrics_server import serve_metrics
from streams.telemetry.trace import export_traces
from streams.topology import all_stages

log = structlog.get_logger()

STOP_S = 10.0
"""Time for a stop after the wait for records in flight."""


def run_worker(stages: Sequence[str], settings: Settings) -> int:
    """Run the stages until SIGTERM or a crash; return the exit code.

    Raises
    ------
    UsageError
        A stage is unknown, a setting is missing, the metrics port is taken, traces cannot be sent or no broker
        answers.
    ModelError
        A model cannot be had.
    """
    app = create_app(all_stages(settings) if list(stages) == ["all"] else stages, settings)
    if settings.ready_file is not None:
        settings.ready_file.unlink(missing_ok=True)  # a container's volume outlives its process
    if settings.metrics_port is not None:
        serve_metrics(settings.metrics_port)
    export_traces(settings, f"worker {' '.join(stages)}")
    wait_for_broker(settings)
    worker = BoundedStopWorker(
        app,
        end_s=settings.drain_s + STOP_S,
        loglevel="WARNING",
        redirect_stdouts=False,
        quiet=True,
        override_logging=False,
    )
    worker.spinner = None  # it writes control characters, even into a log file
    try:
        worker.execute_from_commandline()  # never returns: it raises SystemExit
    except SystemExit as stop:
        return int(stop.code or 0)


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
