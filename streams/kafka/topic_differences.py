"""Differences of a topic on the broker from topics.yaml.

More than declared (partitions, retention, record size, replicas) is not a difference: an operator may choose more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.topics import FOREVER, Topic
from streams.kafka.topic_settings import LAG, POLICY, RETENTION, fixed_partitions_reason, settings_of


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """State of a topic on the broker."""

    partitions: int
    replicas: int
    settings: Mapping[str, str]


def differences(topic: Topic, found: FoundTopic, partitions: int, replication: int | None) -> Iterator[str]:
    """Yield one line for each difference; `replication` None is not compared."""
    if found.partitions < partitions:
        reason = fixed_partitions_reason(topic)
        remedy = f"cannot be grown: {reason}" if reason else "grow it with `jikimi topics create --partitions`"
        yield f"{found.partitions} partitions instead of {partitions}; {remedy}"
    if replication is not None and found.replicas < replication:
        yield f"{found.replicas} copies instead of {replication}; reassign its partitions to add copies"
    for key, value in too_low(topic, found).items():
        yield f"{key} is {found.settings.get(key)} instead of {value}"


def too_low(topic: Topic, found: FoundTopic) -> dict[str, str]:
    """Return the settings to change, with the values they need."""
    return {
        key: value for key, value in settings_of(topic).items() if not _suffices(key, found.settings.get(key), value)
    }


def _suffices(key: str, found: str | None, wanted: str) -> bool:
    if found is None or key == POLICY:
        return found == wanted
    if key == LAG:
        return int(found) <= int(wanted)
    if key == RETENTION and str(FOREVER) in {found, wanted}:
        return found == str(FOREVER)
    return int(found) >= int(wanted)
