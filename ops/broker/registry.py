"""A schema registry for tests: Apicurio in memory, with Confluent's REST API."""

import subprocess
import tarfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import URLError

from ops.java import maven, require
from streams.kafka.process import terminate
from streams.kafka.serving import free_port

_VERSION = "2.6.13.Final"
_ARTIFACT = f"io.apicurio:apicurio-registry-app:{_VERSION}:tar.gz:all"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
_START_TIMEOUT_S = 300.0


class Registry:
    """A registry on a loopback port, alive within its `with` block; its content is lost at the end.

    Parameters
    ----------
    log
        File for its output.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Base URL of Confluent's API."""
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def __enter__(self) -> Self:
        require("java")
        program = _program()
        listen = ["-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self._port}"]
        command = ["java", "-Xmx384m", "-XX:TieredStopAtLevel=1", *listen, "-jar", str(program)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603  # our own
        self._wait_until_serving(self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            terminate(self._process)

    def _wait_until_serving(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/subjects", timeout=1):  # noqa: S310  # our own loopback address
                    return
            except (URLError, OSError):
                time.sleep(0.1)
        terminate(process)
        raise RuntimeError(f"the registry did not start; the end of {self._log}:\n{self._log.read_text()[-1500:]}")


def _program() -> Path:
    """Return the path of the program, unpacked beside its archive the first time."""
    copy = [f"{_PLUGIN}:copy", f"-Dartifact={_ARTIFACT}", "-DoutputDirectory={folder}"]
    folder = maven("apicurio", copy, stamp=_ARTIFACT.encode())
    program = folder / f"apicurio-registry-app-{_VERSION}-runner.jar"
    if not program.exists():
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
    return program
