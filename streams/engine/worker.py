"""`jikimi worker`: one process, from its start to its exit code."""

from collections.abc import Sequence

from streams.engine.app import create_app
from streams.engine.shutdown import STOP_S, BoundedStopWorker
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.telemetry.metrics_server import serve_metrics
from streams.telemetry.trace import export_traces
from streams.topology import all_stages


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
