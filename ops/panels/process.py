"""A process of the system under proof: started, paused, resumed, started again, ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from ops.java import stop
from streams.broker.serving import free_port

_START_TIMEOUT_S = 180.0


class Process:
    """A `jikimi` command that serves metrics.

    Parameters
    ----------
    name
        In the report, and of its log.
    words
        What comes after `jikimi`.
    folder
        Where its log and its archive lie.
    environment
        Settings, as environment variables.
    """

    def __init__(self, name: str, words: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self._words = words
        self._folder = folder
        self._log = folder / f"{name}.log"
        self._ready_file = folder / f"{name}.ready"
        self.address = f"127.0.0.1:{free_port()}"
        own = {
            "JIKIMI_METRICS_PORT": self.address.split(":")[1],
            "JIKIMI_READY_FILE": str(self._ready_file),
            "JIKIMI_ARCHIVE_DIR": str(folder / f"{name}-archive"),
        }
        self._environment = {**os.environ, **environment, **own}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; `wait` returns when it is at work."""
        command = [sys.executable, "-m", "streams.cli", *self._words]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own command line
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return when it answers Prometheus, and a worker when it has its partitions.

        Raises
        ------
        RuntimeError
            It ended or took too long; the message holds the end of its log.
        """
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._is_ready():
            if not self.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start: {self._last_words()}")
            time.sleep(0.2)

    def is_alive(self) -> bool:
        """Return whether it runs, be it paused."""
        return self._process is not None and self._process.poll() is None

    def pause(self) -> None:
        """Stop it from running, as a machine that hangs would."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run again."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self._process is not None:
            self._signal(signal.SIGCONT)
            stop(self._process, timeout_s=30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _is_ready(self) -> bool:
        if self._words[0] == "worker" and not self._ready_file.exists():
            return False
        try:
            return httpx.get(f"http://{self.address}/metrics", timeout=2).is_success
        except httpx.TransportError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        if self.is_alive():
            assert self._process is not None
            self._process.send_signal(number)

    def _last_words(self) -> str:
        return " | ".join(self._log.read_text(errors="replace").splitlines()[-3:])[-600:] or "no log"
