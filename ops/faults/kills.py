"""SIGKILL at a random moment and at forced ones, which are found from outside: by topics, groups, logs and files."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from ops.faults.offsets import OffsetReader
from ops.faults.plan import Planned
from ops.faults.system import System
from schemas.topics import TOPICS
from streams.kafka.clients import reader_config

_MOMENT_S = 30.0
"""Longest wait for a forced moment: the kill then comes without it."""
_POLL_S = 0.01


def kill(system: System, fault: Planned) -> Iterable[str]:
    """Kill now: the plan's wait has made the moment random."""
    return system.kill(fault.stage)


def kill_after_output(system: System, fault: Planned) -> Iterable[str]:
    """Kill at the next output of the stage: its input is committed up to a second later."""
    outputs = [t.name for t in TOPICS.values() if fault.stage in t.producers and t.name != "dead-letters"]
    _await_record(system, outputs)
    return system.kill(fault.stage)


def kill_in_table_write(system: System, fault: Planned) -> Iterable[str]:
    """Kill fusion between a verdict and the state that records it, or between the state and the commit."""
    _await_record(system, ["verdicts" if fault.share < 0.5 else "fusion-state"])  # noqa: PLR2004 - half of them
    return system.kill(fault.stage)


def kill_in_archive_write(system: System, fault: Planned) -> Iterable[str]:
    """Kill match while it writes its archive."""
    archive = system.workers[fault.stage].archive
    before = _size(archive)
    _await(lambda: _size(archive) != before)
    return system.kill(fault.stage)


def kill_in_recovery(system: System, fault: Planned) -> Iterable[str]:
    """Kill, and kill the new process while it joins, reads its tables and is not ready yet."""
    system.kill(fault.stage)
    worker = system.workers[fault.stage]
    started = worker.log_file.stat().st_size
    _await(lambda: worker.log_file.stat().st_size > started or worker.is_ready())
    time.sleep(2.0 * fault.share)
    return system.kill(fault.stage)


def kill_in_rebalance(system: System, fault: Planned) -> Iterable[str]:
    """Kill a stage's worker while its group rebalances for a second one, and then the second one."""
    offsets = OffsetReader(system.settings)
    second = system.second(fault.stage)
    second.start()
    try:
        _await(lambda: "rebalancing" in offsets.state(fault.stage))
        system.kill(fault.stage)
        _await(second.is_ready)
    finally:
        second.kill()  # also where the run ends here: nothing else would end it
    system.kills += 1
    return [fault.stage]


def _await(moment: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _MOMENT_S
    while not moment() and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _await_record(system: System, topics: list[str]) -> None:
    """Return at the next record of these topics."""
    consumer = Consumer(reader_config(system.settings, "faults", fetch_wait_max_ms=10))
    consumer.assign(
        [
            TopicPartition(system.settings.topic_prefix + topic, partition, OFFSET_END)
            for topic in topics
            for partition in range(TOPICS[topic].partitions)
        ]
    )
    _await(lambda: (record := consumer.poll(_POLL_S)) is not None and record.error() is None)
    consumer.close()


def _size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue  # a temporary file of the archive's
    return total
