"""Faults of the topics: poison, oversize records, duplicates, a topic recreated, partitions added.

Records that the brokers do not accept end the run, with a `UsageError`: its comparison counts those that were written.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from random import Random

from confluent_kafka.admin import AdminClient, NewTopic

from ops.broker.raw import Broker
from ops.faults.offsets import OffsetReader
from ops.faults.plan import Planned, SkippedError
from ops.faults.system import System
from schemas.codec import Codec, WireError
from schemas.messages import Takedown
from schemas.topics import TOPICS
from streams.kafka import topic_admin
from streams.kafka.clients import client_config
from streams.kafka.producer import writing
from streams.kafka.topic_settings import settings_of
from streams.topology import STAGES, sources

_ANSWER_S = 60.0
_STORM = 60
"""Undecodable records in each topic: below the number in a row that stops a worker."""
_AGAIN = 30
"""Records of each topic that are written again."""
_ENVELOPE_BYTES = 512
_RECREATED = ("frames", "sounds", "texts", "descriptors")
_GROWING = ("posts", *_RECREATED)
_DRAIN_S, _POLL_S = 300.0, 0.5
_CODEC = Codec()


def poison(system: System, fault: Planned) -> Iterable[str]:
    """Write undecodable records into every topic that is not a stage's own state."""
    random = Random(fault.share)  # noqa: S311 - can be repeated
    with writing(system.settings) as writer:
        for number in range(_STORM):
            for topic in TOPICS.values():
                if not topic.internal:
                    writer.write_bytes(
                        topic.name, f"poison {number}".encode(), random.randbytes(random.randrange(1, 200))
                    )
    return STAGES


def oversize(system: System, fault: Planned) -> Iterable[str]:
    """Write one record as large as the topic takes into each topic that a stage reads."""
    random = Random(fault.share)  # noqa: S311 - can be repeated
    with writing(system.settings) as writer:
        for topic in {topic for stage in STAGES for topic in sources(stage)}:
            value = random.randbytes(TOPICS[topic].max_bytes - _ENVELOPE_BYTES)
            writer.write_bytes(topic, b"poison", value)
    return STAGES


def duplicates(system: System, _: Planned) -> Iterable[str]:
    """Write the last records of every topic again, with their keys, values and partitions."""
    broker = Broker(system.settings.bootstrap_servers, system.settings.topic_prefix)
    with writing(system.settings) as writer:
        for topic in [topic.name for topic in TOPICS.values() if not (topic.internal or topic.compacted)]:
            for record in [record for shard in broker.read(topic).values() for record in shard[-_AGAIN:]]:
                writer.write_bytes(topic, record.key, record.value, partition=record.partition)
                if topic == "takedowns" and record.value is not None:
                    _count(system, record.value)
    return STAGES


def topic_recreated(system: System, fault: Planned) -> Iterable[str]:
    """Delete a topic that has been processed to its end, and create it again, as wide: its offsets start at 0."""
    topic = _RECREATED[int(fault.share * len(_RECREATED))]
    name = system.settings.topic_prefix + topic
    admin = AdminClient(client_config(system.settings))
    with _quiet(system):
        n_partitions = len(admin.list_topics(name, timeout=_ANSWER_S).topics[name].partitions)
        admin.delete_topics([name])[name].result(_ANSWER_S)
        while name in admin.list_topics(timeout=_ANSWER_S).topics:
            time.sleep(_POLL_S)
        config = settings_of(TOPICS[topic])
        new = NewTopic(name, num_partitions=n_partitions, config=config)
        admin.create_topics([new])[name].result(_ANSWER_S)
    return STAGES


def partitions_added(system: System, fault: Planned) -> Iterable[str]:
    """Add two partitions to a topic that may grow."""
    topic = _GROWING[int(fault.share * len(_GROWING))]
    name = system.settings.topic_prefix + topic
    found = AdminClient(client_config(system.settings)).list_topics(name, timeout=_ANSWER_S)
    topic_admin.create(system.settings, partitions={topic: len(found.topics[name].partitions) + 2})
    return STAGES


@contextmanager
def _quiet(system: System) -> Iterator[None]:
    """Hold the feed, and begin the block once every stage has processed everything."""
    assert system.feed is not None
    with system.feed.held():
        offsets, deadline = OffsetReader(system.settings), time.monotonic() + _DRAIN_S
        while not all((position := offsets.position(stage)) and position.is_at_end for stage in STAGES):
            if time.monotonic() > deadline:
                raise SkippedError("the stages did not come to the end of their topics")
            time.sleep(_POLL_S)
        yield


def _count(system: System, value: bytes) -> None:
    try:
        event = _CODEC.decode("takedowns", value)
    except WireError:
        return  # poison
    if isinstance(event, Takedown):
        system.injected[event.event_id] += 1
