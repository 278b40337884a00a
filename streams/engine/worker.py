"""`jikimi worker`: one process, from its start to its exit code."""

import asyncio
import atexit
import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn, cast

import faust
import mode
import structlog

from streams.engine.app import create_apps
from streams.engine.faust_driver.transport import Transport
from streams.engine.freed_memory import use_one_arena
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.telemetry.metrics_server import serve_metrics
from streams.telemetry.trace import export_traces
from streams.topology import all_stages

log = structlog.get_logger()

STOP_S = 10.0
"""Time for a stop after the wait for records in flight."""


def run_worker(stages: Sequence[str], settings: Settings) -> NoReturn:
    """Run the stages until SIGTERM or a crash, then end the process.

    Raises
    ------
    UsageError
        A stage is unknown, a setting is missing, the metrics port is taken, traces cannot be sent or no broker
        answers.
    ModelError
        A model cannot be had.
    """
    use_one_arena()
    apps = create_apps(all_stages(settings) if list(stages) == ["all"] else stages, settings)
    if settings.ready_file is not None:
        settings.ready_file.unlink(missing_ok=True)  # a container's volume outlives its process
    if settings.metrics_port is not None:
        serve_metrics(settings.metrics_port)
    export_traces(settings, f"worker {' '.join(stages)}")
    wait_for_broker(settings)
    worker = Worker(apps, end_s=settings.drain_s + STOP_S)
    try:
        worker.execute_from_commandline()  # never returns: it raises SystemExit
    except SystemExit as stop:
        _end(int(stop.code or 0))


def _end(code: int) -> NoReturn:
    """End the process without its threads: one may still wait for a broker that does not answer."""
    atexit._run_exitfuncs()  # noqa: SLF001 - what an ordinary end runs after it has joined the threads
    sys.stderr.flush()
    os._exit(code)


class Worker(mode.Worker):
    """Service of all apps of the process, which start and stop together and crash together.

    Its stop is bounded, with a hard exit as the last resort: a crashed process that does not exit is never restarted.
    The hard exit loses nothing: uncommitted records are processed again.

    Parameters
    ----------
    end_s
        From the start of a stop to the hard exit, with exit code 1.
    """

    def __init__(self, apps: Sequence[faust.App], *, end_s: float) -> None:
        super().__init__(quiet=True, override_logging=False, redirect_stdouts=False)
        self._apps = apps
        self._end_s = end_s
        for app in apps:
            app.beacon.reattach(self.beacon)  # the way of a crash

    async def on_start(self) -> None:
        """Start the apps at once: each waits for its group, and fusion for its table."""
        for app in self._apps:
            self.add_future(app.start())  # type: ignore[unused-awaitable]  # an error of it crashes the worker

    async def on_stop(self) -> None:
        """Start the timer of the hard exit and stop the apps.

        After a crash nothing is waited for: records in flight are processed again anyway.
        """
        if self.crashed:
            for app in self._apps:
                cast("Transport", app.transport).drain_s = 0.0
        timer = threading.Timer(self._end_s, _exit)
        timer.daemon = True
        timer.start()
        await asyncio.gather(*(app.stop() for app in self._apps))


def _exit() -> None:
    log.error("worker did not stop in time: hard exit")
    os._exit(1)
