"""One real Apache Kafka node in Java, for the tests and for `make kafka`: no Docker needed.

python -m ops.broker.kafka [port]
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from secrets import token_urlsafe

import typer

from ops.java import VAR, UnavailableError, maven, require
from streams.kafka import process
from streams.kafka.serving import LocalBroker, free_port

_HERE = Path(__file__).parent
_START_TIMEOUT_S = 300.0
_JVM = [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    f"-Dlog4j2.configurationFile={_HERE}/log4j2.properties",
]


class Kafka(LocalBroker):
    """A broker that can be stopped, killed and started again on the same data and address.

    Parameters
    ----------
    folder
        Folder of its data, settings and broker.log; kept when it stops.
    port
        Port for clients; a free one by default, the same after a restart.
    settings
        Broker settings over those of server.properties.
    cluster_id
        A random one by default; the nodes of one cluster share it.
    heap_mb
        Largest heap, MiB.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        cluster_id: str | None = None,
        heap_mb: int = 768,
    ) -> None:
        super().__init__(port)
        self.folder = folder
        self.log = folder / "broker.log"
        self.controller = f"127.0.0.1:{free_port()}"
        """Address for the other controllers."""
        self._cluster_id = cluster_id or new_cluster_id()
        self._heap_mb = heap_mb
        self.settings = dict(settings or {})

    def start(self) -> str:
        """Start the broker, wait until it serves, and return its address.

        Raises
        ------
        UnavailableError
            If Java or Maven is missing or the download fails.
        RuntimeError
            If it ends or does not serve in time; the message holds the end of its log.
        """
        require("java")
        jars = maven(
            "kafka",
            ["-f", str(_HERE / "pom.xml"), "dependency:copy-dependencies", "-DoutputDirectory={folder}"],
            stamp=(_HERE / "pom.xml").read_bytes(),
        )
        self._java = ["java", f"-Xmx{self._heap_mb}m", *_JVM, "-cp", f"{jars}/*"]
        self._format()
        if not self._serve([*self._java, "kafka.Kafka", str(self._properties)], _START_TIMEOUT_S, self.log):
            raise RuntimeError(f"Kafka did not start; the end of {self.log}:\n{self.log.read_text()[-1500:]}")
        return self.bootstrap

    def wait(self) -> None:
        """Return when it ends by itself."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Stop it the orderly way; its data stays."""
        if self._process is not None:
            process.terminate(self._process)

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _format(self) -> None:
        """Write its settings, and lay out the data folder if it is new."""
        data = self.folder / "data"
        own = {
            "controller.quorum.voters": f"1@{self.controller}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{self.controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": str(data),
        } | self.settings
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{name}={value}\n" for name, value in own.items())
        self._properties.write_text((_HERE / "server.properties").read_text() + lines)
        if not (data / "meta.properties").exists():
            self._storage_tool("format", "--config", str(self._properties), f"--cluster-id={self._cluster_id}")

    def _storage_tool(self, *arguments: str) -> str:
        command = [*self._java, "kafka.tools.StorageTool", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own command line
        if done.returncode:
            raise RuntimeError(f"kafka.tools.StorageTool {arguments[0]} failed: {done.stderr.strip()[-500:]}")
        return done.stdout.strip()


def new_cluster_id() -> str:
    """Return 16 random bytes in base64url: what the tool's random-uuid prints, without another start of Java."""
    return token_urlsafe(16)


def main() -> int:
    """Run a broker in the foreground, its data in a temporary folder, until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", nargs="?", type=int)
    port = parser.parse_args().port
    VAR.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=VAR, prefix="kafka-data-") as folder:
        broker = Kafka(Path(folder), port=port)
        typer.echo("Starting Apache Kafka; the first time, its jars are downloaded ...")
        try:
            broker.start()
            typer.echo(f"Serving on {broker.bootstrap}. Ctrl-C stops it and forgets its data.")
            broker.wait()
        except KeyboardInterrupt:
            return 0
        except (UnavailableError, RuntimeError) as exc:
            typer.echo(str(exc), err=True)
            return 1
        finally:
            broker.stop()
    return 1


if __name__ == "__main__":
    sys.exit(main())
