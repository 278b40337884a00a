"""Settings and partitions that the topics of topics.yaml need on a broker."""

from schemas.topics import FOREVER, TOPICS, Topic

_MS_PER_HOUR = 3_600_000

POLICY, RETENTION, SIZE, LAG = "cleanup.policy", "retention.ms", "max.message.bytes", "max.compaction.lag.ms"
_BOTH = "compact,delete"
COMPACTION_LAG_S = 1800
"""Age at which a superseded or erased record of a compacted topic must be compacted; Kafka's default is never."""


def fixed_partitions_reason(topic: Topic) -> str | None:
    """Return the reason why a topic with records must keep its number of partitions, None if it may grow."""
    if topic.compacted:
        return "a key's newer records would be in another partition than its older ones"
    if topic.partitions == 1:
        return "it is read as a whole, in order"
    stateful = [state.producers[0] for state in TOPICS.values() if state.internal]
    if owners := [stage for stage in topic.consumers if stage in stateful]:
        return f"the state of {owners[0]} is co-partitioned with it"
    return None


def settings_of(topic: Topic) -> dict[str, str]:
    """Return the required broker settings of this topic."""
    retention_ms = FOREVER if topic.retention_hours == FOREVER else topic.retention_hours * _MS_PER_HOUR
    if topic.compacted:
        compaction = {POLICY: "compact", SIZE: str(topic.max_bytes), LAG: str(COMPACTION_LAG_S * 1000)}
        return compaction if retention_ms == FOREVER else compaction | {POLICY: _BOTH, RETENTION: str(retention_ms)}
    return {POLICY: "delete", RETENTION: str(retention_ms), SIZE: str(topic.max_bytes)}


def co_partitioned_topic(state: Topic) -> str:
    """Return the name of the topic with which a stage's state topic is co-partitioned."""
    return next(
        name
        for name, topic in TOPICS.items()
        if state.producers[0] in topic.consumers and topic.key == state.key and not topic.internal
    )
