"""The kinds of faults by name."""

from collections.abc import Callable, Iterable, Mapping

from ops.faults import brokers, hosts, inputs, kills
from ops.faults.plan import KILLS, Planned
from ops.faults.system import System

type Fault = Callable[[System, Planned], Iterable[str]]
"""Does its harm, undoes it, and returns the stages that have to recover from then on."""

OTHERS: Mapping[str, Fault] = {
    fault.__name__: fault
    for fault in (
        brokers.broker_kill,
        brokers.leader_change,
        brokers.brokers_restart,
        brokers.outage,
        hosts.pause,
        hosts.slow_consumer,
        hosts.disk_full,
        hosts.network_cut,
        hosts.model_missing,
        hosts.model_corrupt,
        hosts.clock_jump,
        inputs.poison,
        inputs.oversize,
        inputs.duplicates,
        inputs.topic_recreated,
        inputs.partitions_added,
    )
}
"""Kinds that are not kills; each is done while no stage recovers from another fault, and is over before the next."""
FAULTS: Mapping[str, Fault] = {name: getattr(kills, name) for name in KILLS} | dict(OTHERS)
