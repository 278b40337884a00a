"""A feed as its own process: killed, asked to stop, started again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.integration.system import System


class Feeder:
    """One `jikimi feed` process at a time."""

    def __init__(self, system: System, *words: str, environment: Mapping[str, str] | None = None) -> None:
        self._command = [sys.executable, "-m", "streams.cli", "feed", *words]
        self._environment = {**os.environ, **system.environment, **(environment or {})}
        self.log: Path = system.folder / "feed.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(40)


@contextmanager
def feeding(system: System, *words: str, environment: Mapping[str, str] | None = None) -> Iterator[Feeder]:
    feeder = Feeder(system, *words, environment=environment)
    feeder.start()
    try:
        yield feeder
    finally:
        if feeder.is_alive():
            feeder.end(signal.SIGKILL)
