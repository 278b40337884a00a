"""The system's processes as the demo and the end-to-end tests run them: started, watched, killed, started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.broker.serving import free_port
from streams.errors import UsageError

_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 30.0


class Worker:
    """One `jikimi worker` process.

    Parameters
    ----------
    stages
        What it runs.
    folder
        Where its log, its archive and its sign of readiness lie; kept over restarts.
    environment
        Settings, as environment variables.
    metrics_port
        Where Prometheus can read it; any free one by default.
    """

    def __init__(
        self, stages: Sequence[str], folder: Path, environment: Mapping[str, str], metrics_port: int | None = None
    ) -> None:
        metrics_port = metrics_port or free_port()
        self.name = "-".join(stages)
        self._stages = list(stages)
        self._ready_file = folder / f"{self.name}.ready"
        self.log_file = folder / f"{self.name}.log"
        own = {
            "JIKIMI_READY_FILE": str(self._ready_file),
            "JIKIMI_ARCHIVE_DIR": str(folder / f"{self.name}-archive"),
            "JIKIMI_METRICS_PORT": str(metrics_port),
        }
        self.metrics_url = f"http://127.0.0.1:{metrics_port}/metrics"
        self._environment = {**os.environ, **environment, **own}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; it is at work when `wait_until_ready` returns."""
        self._ready_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "streams.cli", "worker", *self._stages]
        with self.log_file.open("ab") as log:
            # A group of its own: Ctrl-C reaches the demo, which ends its workers in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                command, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        """Return when the worker has its partitions.

        Raises
        ------
        UsageError
            It ended, or took too long; the message holds the end of its log.
        """
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._ready_file.exists():
            if not self.is_alive() or time.monotonic() > deadline:
                raise UsageError(f"worker {self.name} did not start: {self._last_words()}")
            time.sleep(0.05)

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def check(self) -> None:
        """Raise a `UsageError` with the end of its log if the process ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise UsageError(f"worker {self.name} ended: {self._last_words()}")

    def kill(self) -> None:
        """End the process at once, as a crash of its machine would."""
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> int:
        """Ask the process to end, wait, and return its exit code; one that does not end is killed."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        return " | ".join(lines[-3:])[-600:] or "no log"
