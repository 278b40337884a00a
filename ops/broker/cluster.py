"""Three real Apache Kafka nodes on one machine: every partition on each of them, two of which must have a write."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ops.broker.kafka import Kafka, new_cluster_id
from streams.kafka.serving import free_port

N_NODES = 3
_HEAP_MB = 384
_SETTINGS = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    # three nodes share few cores
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "1",
    # a killed node is out of the in-sync replicas after this long
    "replica.lag.time.max.ms": "5000",
}


class Cluster:
    """Combined brokers and controllers (KRaft) on loopback, running within its `with` block.

    Parameters
    ----------
    folder
        Folder of the data, settings and logs of the nodes.
    settings
        Broker settings of every node, over those of a cluster.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        cluster_id = new_cluster_id()
        self.nodes = [
            Kafka(
                folder / f"node-{number}",
                settings={**_SETTINGS, **(settings or {}), "node.id": str(number)},
                cluster_id=cluster_id,
                heap_mb=_HEAP_MB,
            )
            for number in range(1, N_NODES + 1)
        ]
        voters = ",".join(f"{number}@{node.controller}" for number, node in enumerate(self.nodes, start=1))
        self.routes = [(free_port(), free_port()) for _ in self.nodes]
        """Port that a relay may listen on, and port of the node behind it: clients that come from there stay there."""
        for node, route in zip(self.nodes, self.routes, strict=True):
            node.settings |= {"controller.quorum.voters": voters, **_listeners(node, *route)}

    @property
    def bootstrap(self) -> str:
        """Addresses for clients, separated by commas."""
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self) -> str:
        """Start every node, wait until all of them serve, and return the addresses; raises as `Kafka.start` does."""
        _at_once(node.start for node in self.nodes)  # one alone has no quorum to serve with
        return self.bootstrap

    def stop(self) -> None:
        """Stop every node in the orderly way; the data stay."""
        _at_once(node.stop for node in self.nodes)

    def kill(self) -> None:
        """End every node at once, as a power cut would."""
        for node in self.nodes:
            node.kill()

    def serving(self) -> int:
        """Return the number of nodes that are members of the cluster, 0 without an answer within a second."""
        try:
            client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            return len(client.list_topics(timeout=1).brokers)
        except KafkaException:
            return 0

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _listeners(node: Kafka, relay: int, behind: int) -> dict[str, str]:
    plain = f"PLAINTEXT://{node.bootstrap}"
    return {
        "listeners": f"{plain},CONTROLLER://{node.controller},RELAYED://127.0.0.1:{behind}",
        "advertised.listeners": f"{plain},RELAYED://127.0.0.1:{relay}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,RELAYED:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
    }


def _at_once(calls: Iterable[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(N_NODES) as threads:
        for done in [threads.submit(call) for call in calls]:
            done.result()
