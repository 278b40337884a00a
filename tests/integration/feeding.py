"""A feed as a process that tests kill, stop and restart."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.integration.system import System
from tests.support.deadline import DEADLINE_S


class FeedProcess:
    """One `jikimi feed` process at a time, run by these arguments of Python."""

    def __init__(
        self, system: System, *arguments: str, environment: Mapping[str, str] | None, program: tuple[str, str], log: str
    ) -> None:
        self._command = [sys.executable, *program, "feed", *arguments]
        self._environment = {**os.environ, **system.environment, **(environment or {})}
        self.log: Path = system.folder / log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: signal.Signals) -> int:
        self.send(number)
        return self.wait()

    def wait(self) -> int:
        """Return the exit code."""
        assert self._process is not None
        return self._process.wait(DEADLINE_S)


@contextmanager
def feed_process(
    system: System,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    program: tuple[str, str] = ("-m", "streams.cli"),
    log: str = "feed.log",
) -> Iterator[FeedProcess]:
    process = FeedProcess(system, *arguments, environment=environment, program=program, log=log)
    process.start()
    try:
        yield process
    finally:
        if process.is_alive():
            process.end(signal.SIGKILL)
