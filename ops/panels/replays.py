"""The same stretch of traffic replayed twice: the verdicts must be the same bytes in the same order."""

import os
import subprocess
import sys
from datetime import UTC, datetime

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from ops.panels.system import System
from streams.clients import client_config

_REPLAY_S = 300.0
_READ_S = 10.0

Verdicts = dict[int, list[tuple[bytes, bytes]]]
"""Key and value of every record, in order, by partition."""


def replayed_verdicts(system: System) -> tuple[Verdicts, Verdicts]:
    """Replay what has come in so far twice, from its descriptors on, and return both runs' verdicts.

    Raises
    ------
    RuntimeError
        A replay failed; the message is its own.
    """
    until = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for run in ("first", "second"):
        _replay(system, run, until)
    return _read(system, "first"), _read(system, "second")


def _replay(system: System, run: str, until: str) -> None:
    words = ["replay", "--run", run, "--from", "descriptors", "--until", until]
    done = subprocess.run(  # noqa: S603  # our own command line
        [sys.executable, "-m", "streams.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=_REPLAY_S,
        env={**os.environ, **system.environment},
    )
    if done.returncode:
        raise RuntimeError(f"jikimi {' '.join(words)}: {done.stderr.strip()[-500:]}")


def _read(system: System, run: str) -> Verdicts:
    topic = f"{system.settings.topic_prefix}verdicts.{run}"
    options = {"enable_auto_commit": False, "enable_partition_eof": True}
    consumer = Consumer(client_config(system.settings, group_id="panels", **options))
    try:
        partitions = sorted(consumer.list_topics(topic, timeout=_READ_S).topics[topic].partitions)
        found: Verdicts = {partition: [] for partition in partitions}
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        ended = 0
        while ended < len(partitions):
            record = consumer.poll(_READ_S)
            if record is None:
                raise RuntimeError(f"{topic} cannot be read to its end")
            if (error := record.error()) is None:
                found[record.partition() or 0].append((record.key() or b"", record.value() or b""))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
                ended += 1
        return found
    finally:
        consumer.close()
