"""Faults of the brokers: one killed or stopped, all restarted, all gone for a while."""

import threading
import time
from collections.abc import Iterable

from confluent_kafka import ElectionType, KafkaException
from confluent_kafka.admin import AdminClient

from ops.broker.cluster import N_NODES, Cluster
from ops.faults.outcome import LONG_OUTAGE
from ops.faults.plan import Planned, SkippedError, between
from ops.faults.system import System
from streams.kafka.clients import client_config
from streams.settings import Settings
from streams.topology import STAGES

_ANSWER_S = 30.0
_DOWN_S = (0.0, 20.0)
_OUTAGE_S = (5.0, 120.0)
_START_S = 12.0
"""About what the nodes need to serve again: an outage is as long as planned when they do."""


def broker_kill(system: System, fault: Planned) -> Iterable[str]:
    """Kill one broker, the leader of a third of all partitions, and start it again after a while."""
    node = _cluster(system).nodes[int(fault.share * N_NODES)]
    node.kill()
    time.sleep(between(*_DOWN_S, fault.share))
    node.start()
    return STAGES


def leader_change(system: System, fault: Planned) -> Iterable[str]:
    """Stop one broker in the orderly way, start it, and give it its partitions back: every leader changes twice."""
    node = _cluster(system).nodes[int(fault.share * N_NODES)]
    node.stop()
    node.start()
    elect_leaders(system.settings)
    return STAGES


def elect_leaders(settings: Settings, answer_s: float = _ANSWER_S) -> None:
    """Give every partition to its preferred leader.

    Raises
    ------
    SkippedError
        The brokers do not; they will by themselves within minutes, so a run can go on.
    """
    # The call's own request_timeout is refused. The client must exist until the answer has come.
    admin = AdminClient(client_config(settings, socket_timeout_ms=int(answer_s * 1000)))
    try:
        admin.elect_leaders(ElectionType.PREFERRED).result()
    except KafkaException as error:
        raise SkippedError(f"no election of leaders: {error.args[0].str()}") from error


def brokers_restart(system: System, _: Planned) -> Iterable[str]:
    """Stop all brokers in the orderly way, and start them."""
    cluster = _cluster(system)
    cluster.stop()
    cluster.start()
    return STAGES


def outage(system: System, fault: Planned) -> Iterable[str]:
    """Kill all brokers, and start them after up to two minutes; a busy machine may need longer for it."""
    cluster = _cluster(system)
    timer = threading.Timer(system.settings.delivery_timeout_s, setattr, (system, "fault", LONG_OUTAGE))
    cluster.kill()
    timer.start()
    try:
        time.sleep(max(0.0, between(*_OUTAGE_S, fault.share) - _START_S))
        cluster.start()
    finally:
        timer.cancel()
    return STAGES


def _cluster(system: System) -> Cluster:
    if system.cluster is None:
        raise SkippedError("the Kafka is not the run's own")
    return system.cluster
