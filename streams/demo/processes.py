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

import httpx

from streams.errors import UsageError
from streams.kafka.serving import free_port

_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 30.0


class Process:
    """One `jikimi` command that serves metrics.

    Parameters
    ----------
    name
        In messages, and of its log.
    words
        What comes after `jikimi`.
    folder
        Where its log, its archive and its sign of readiness lie; kept over restarts.
    environment
        Settings, as environment variables.
    metrics_port
        Where Prometheus can read it; any free one by default.
    """

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        metrics_port: int | None = None,
    ) -> None:
        self.name = name
        self._words = list(words)
        self._ready_file = folder / f"{name}.ready"
        self.log_file = folder / f"{name}.log"
        self.address = f"127.0.0.1:{metrics_port or free_port()}"
        self.metrics_url = f"http://{self.address}/metrics"
        own = {
            "JIKIMI_READY_FILE": str(self._ready_file),
            "JIKIMI_ARCHIVE_DIR": str(folder / f"{name}-archive"),
            "JIKIMI_METRICS_PORT": self.address.split(":")[1],
        }
        self._environment = {**os.environ, **environment, **own}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; it is at work when `wait_until_ready` returns."""
        self._ready_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "streams.cli", *self._words]
        with self.log_file.open("ab") as log:
            # A group of its own: Ctrl-C reaches the demo, which ends its workers in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                command, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        """Return when it answers Prometheus; a worker, when it has its partitions.

        Raises
        ------
        UsageError
            It ended, or took too long; the message holds the end of its log.
        """
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._is_ready():
            if not self.is_alive() or time.monotonic() > deadline:
                raise UsageError(f"{self.name} did not start: {self._last_words()}")
            time.sleep(0.05)

    def is_alive(self) -> bool:
        """Return whether the process runs, be it paused."""
        return self._process is not None and self._process.poll() is None

    def check(self) -> None:
        """Raise a `UsageError` with the end of its log if the process ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise UsageError(f"{self.name} ended: {self._last_words()}")

    def kill(self) -> None:
        """End the process at once, as a crash of its machine would."""
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(signal.SIGKILL)
        process.wait()

    def pause(self) -> None:
        """Keep the process from running, as a machine that hangs would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Ask the process to end, wait, and return its exit code; one that does not end is killed."""
        if self._process is None:
            return 0
        self.resume()
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

    def _is_ready(self) -> bool:
        try:
            return httpx.get(self.metrics_url, timeout=2).is_success
        except httpx.TransportError:
            return False

    def _last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        return " | ".join(lines[-3:])[-600:] or "no log"


class Worker(Process):
    """One `jikimi worker`; takes the stages it runs in place of name and words."""

    def __init__(
        self, stages: Sequence[str], folder: Path, environment: Mapping[str, str], metrics_port: int | None = None
    ) -> None:
        super().__init__("-".join(stages), ["worker", *stages], folder, environment, metrics_port)

    def _is_ready(self) -> bool:
        return self._ready_file.exists()
