"""Entries of a case as the broker still holds them: those in force, and those that wait for compaction."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, Message

from schemas.codec import Codec, WireError
from schemas.messages import Case
from streams.cases.entries import TOPIC as CASES
from streams.cases.reference_reviews import TOPIC as REVIEWS
from streams.desk.erasure import places
from streams.desk.erasure.runs_of_bytes import DescriptorRuns
from streams.desk.erasure.subject import Subject
from streams.errors import UsageError
from streams.exchange.lists import TOPIC as LISTS
from streams.kafka.clients import create_codec
from streams.kafka.polling import offset_of
from streams.kafka.raw_scan import RawScan, topic_names
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings


@dataclass
class TopicEntries:
    """Entries of the subject in one topic, without prefix."""

    topic: str
    in_force: dict[str, None] = field(default_factory=dict)
    """Keys with a value that no tombstone has erased."""
    values: list[tuple[int, int]] = field(default_factory=list)
    """Partition and offset of each record with a value, erased or not."""
    first_key: str = ""
    """The shortest key of any record of it, tombstones too: of a case that of its policy, which is erased last."""


@dataclass
class Entries:
    """All entries of the subject, and what they consist of."""

    topics: list[TopicEntries] = field(default_factory=list)
    """Copies of the cases in runs first, then cases and reviews."""
    descriptors: DescriptorRuns = field(default_factory=DescriptorRuns)
    references: set[str] = field(default_factory=set)
    digests: set[bytes] = field(default_factory=set)
    """Digests of terms, in all their forms."""
    benign: bool = False
    """Whether it is an allow-list."""


def erased_topics(settings: Settings) -> list[str]:
    """Return the topics, without prefix, whose entries an erasure erases: copies in runs first."""
    prefix = f"{settings.topic_prefix}{CASES}."
    copies = [name.removeprefix(settings.topic_prefix) for name in topic_names(settings) if name.startswith(prefix)]
    return [*sorted(copies), *places.erased_topics()]


def find_entries(settings: Settings, subject: Subject) -> Entries:
    """Return the entries of a case, or of one reference, in constant memory but for their keys and offsets.

    Raises
    ------
    UsageError
        The broker does not answer, or lacks a topic.
    """
    wait_for_broker(settings)
    try:
        return _read(settings, subject)
    except KafkaException as error:
        is_missing = error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
        remedy = "; run `jikimi topics create`" if is_missing else ""
        raise UsageError(f"{settings.bootstrap_servers}: {error.args[0].str()}{remedy}") from error


def _read(settings: Settings, subject: Subject) -> Entries:
    found, codec = Entries(), create_codec(settings)
    for topic in erased_topics(settings):
        found.topics.append(of_topic := TopicEntries(topic))
        for message in RawScan(settings, topic):
            if subject.owns(message.key() or b""):
                _apply(of_topic, message)
                for case in _decoded(codec, topic, message):
                    _take(found, case)
    return found


def _apply(entries: TopicEntries, message: Message) -> None:
    key = (message.key() or b"").decode(errors="replace")
    entries.first_key = min(entries.first_key or key, key, key=len)
    if message.value() is None:
        entries.in_force.pop(key, None)
    else:
        entries.in_force[key] = None
        entries.values.append((message.partition() or 0, offset_of(message)))


def _decoded(codec: Codec, topic: str, message: Message) -> Iterator[Case]:
    """Yield the case entry in a record; one that cannot be decoded is found by its key alone."""
    if topic in {REVIEWS, LISTS} or (value := message.value()) is None:
        return
    try:
        case = codec.decode(CASES, value)
    except WireError:
        return
    if isinstance(case, Case):
        yield case


def _take(found: Entries, case: Case) -> None:
    found.benign |= case.benign
    found.descriptors.add_key(case.data_key)
    if case.reference is not None:
        found.descriptors.add(case.reference)
        if case.reference.modality == "text":
            found.digests.update(case.reference.digests)
        else:
            found.references.add(case.reference.reference_id)
