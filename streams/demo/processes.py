"""Processes of the system as the demo and the end-to-end tests run them: started, checked, killed, restarted."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from streams.errors import UsageError
from streams.kafka import process
from streams.kafka.serving import free_port

_START_TIMEOUT_S = 300.0
_STOP_TIMEOUT_S = 300.0
_LINK = re.compile(r"http://\S+/enter/\S+")


class Process:
    """One `jikimi` command that serves metrics.

    Parameters
    ----------
    name
        Name in messages and of the log file.
    arguments
        Command line after `jikimi`.
    folder
        Folder of its log, archive and ready file; kept over restarts.
    environment
        Settings, as environment variables.
    metrics_port
        Port that Prometheus scrapes; any free one by default.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        metrics_port: int | None = None,
    ) -> None:
        self.name = name
        self._arguments = list(arguments)
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
        """Start the process; it is ready when `wait_until_ready` returns."""
        self._ready_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "streams.cli", *self._arguments]
        self._process = process.start(command, log_file=self.log_file, environment=self._environment)

    @property
    def pid(self) -> int:
        """Number of the running process."""
        assert self._process is not None
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Return when it serves metrics; a worker, when it has its partitions.

        Raises
        ------
        UsageError
            It ended or timed out; the message holds the end of its log.
        """
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._is_ready():
            if not self.is_alive() or time.monotonic() > deadline:
                raise UsageError(f"{self.name} did not start: {self._log_end()}")
            time.sleep(0.05)

    def is_alive(self) -> bool:
        """Return whether the process runs, paused or not."""
        return self._process is not None and self._process.poll() is None

    def check(self) -> None:
        """Raise a `UsageError` with the end of the log if the process ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise UsageError(f"{self.name} ended: {self._log_end()}")

    def kill(self) -> None:
        """End the process at once, as a crash of its machine would."""
        assert self._process is not None
        running, self._process = self._process, None
        process.kill(running)

    def pause(self) -> None:
        """Suspend the process, as a hanging machine would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume a suspended process."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Terminate the process and return its exit code; kill it after the timeout."""
        if self._process is None:
            return 0
        self.resume()
        running, self._process = self._process, None
        return process.terminate(running, timeout_s=_STOP_TIMEOUT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _is_ready(self) -> bool:
        # A client of httpx would load the certificates of the world for each look.
        with suppress(OSError, HTTPException), urlopen(self.metrics_url, timeout=2):  # noqa: S310 - our own address
            return True
        return False

    def _log_end(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        return " | ".join(lines[-3:])[-600:] or "no log"


class Worker(Process):
    """One `jikimi worker`; takes the stages it runs in place of name and arguments."""

    def __init__(
        self, stages: Sequence[str], folder: Path, environment: Mapping[str, str], metrics_port: int | None = None
    ) -> None:
        super().__init__("-".join(stages), ["worker", *stages], folder, environment, metrics_port)

    def _is_ready(self) -> bool:
        return self._ready_file.exists()


class ConsoleProcess(Process):
    """`jikimi console` on a port; ready when it has read its topics and printed its link."""

    def __init__(self, folder: Path, environment: Mapping[str, str], port: int) -> None:
        super().__init__("console", ["console", "--port", str(port)], folder, environment, port)
        self._link, self._n_read = "", 0

    @property
    def link(self) -> str:
        """The newest link, which opens one session; empty before the first."""
        with suppress(FileNotFoundError), self.log_file.open("rb") as log:
            log.seek(self._n_read)
            printed, newline, _ = log.read().rpartition(b"\n")
            self._n_read += len(printed + newline)
            self._link = next(reversed(_LINK.findall(printed.decode(errors="replace"))), self._link)
        return self._link

    def _is_ready(self) -> bool:
        return bool(self.link)
