"""Next offsets of a source topic's partitions, kept with the id that its broker gave the topic.

A topic that was deleted and created again has the same name and partitions, and soon as many records: only its id shows
that its offsets are those of another topic, whose records must be read from the beginning.
"""

from collections.abc import Mapping, Sequence

import structlog
from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.messages import DeadLetter
from streams.feeds.dead_letters import gap_dead_letter
from streams.kafka.clients import client_config
from streams.kafka.offsets import watermarks
from streams.settings import Settings

log = structlog.get_logger()

FEED = "topic"
_QUERY_TIMEOUT_S = 20.0


class SourceOffsets:
    """Next offsets of the partitions.

    Parameters
    ----------
    topic
        Name of the source topic.
    settings
        For its Kafka.
    parts
        Of the feed's cursor: the next offset by topic/partition, and the id of the topic by its name.
    start_latest
        True if a first start begins at the end.
    """

    def __init__(self, topic: str, settings: Settings, parts: Mapping[str, str], *, start_latest: bool) -> None:
        self._topic = topic
        self._settings = settings
        self._id = parts.get(topic)
        self._next = {
            int(part.rpartition("/")[2]): int(offset)
            for part, offset in parts.items()
            if part.rpartition("/")[0] == topic  # else of an earlier source of the mapping
        }
        self._start_latest = start_latest and not self._next
        self._gaps: list[DeadLetter] = []
        self.doubted = False
        """True if the source did not have a next record, so that all offsets have to be compared."""

    def assignment(self) -> list[TopicPartition]:
        """Return the partitions with their next offsets."""
        return [TopicPartition(self._topic, partition, offset) for partition, offset in sorted(self._next.items())]

    def parts(self) -> dict[str, str | None]:
        """Return all parts of the feed's cursor."""
        return {self._topic: self._id, **self._parts(self._next)}

    def advance(self, next_offsets: Mapping[int, int]) -> dict[str, str | None]:
        """Take over the offsets after processed records; return the changed parts of the cursor."""
        self._next |= next_offsets
        return self._parts(next_offsets)

    def take_gaps(self) -> list[DeadLetter]:
        """Return, once, the dead letters of records that the source deleted before they were read."""
        gaps, self._gaps = self._gaps, []
        return gaps

    def find(self, consumer: Consumer, *, check_all: bool = True) -> dict[str, str | None]:
        """Compare the offsets with the topic as it is; return the changed parts of the cursor.

        A topic that was created again is read from its beginning, as are partitions that are new and those that end
        before the stored offset; where records were deleted before they were read, the rest is read.

        Parameters
        ----------
        check_all
            False to query only the offsets of new partitions, unless the topic was created again.

        Raises
        ------
        KafkaException
            The source does not answer, or has no such topic.
        """
        before, partitions = self.parts(), self._partitions(consumer)
        known = {} if self._is_another_topic() else self._next
        kept = {} if check_all else {one: known[one] for one in known.keys() & set(partitions)}
        found = {one: self._offset(consumer, one, known.get(one)) for one in partitions if one not in kept}
        self._report(set(partitions))
        self._next, self._start_latest = {**kept, **found}, False
        after = self.parts()
        return {part: after.get(part) for part in before.keys() | after.keys() if after.get(part) != before.get(part)}

    def _report(self, partitions: set[int]) -> None:
        if gone := self._next.keys() - partitions:
            log.error("partitions of the source are gone", topic=self._topic, partitions=sorted(gone))
        if self._next and (new := partitions - self._next.keys()):
            log.info("new partitions at the source", topic=self._topic, partitions=sorted(new))

    def _partitions(self, consumer: Consumer) -> Sequence[int]:
        found = consumer.list_topics(self._topic, timeout=_QUERY_TIMEOUT_S).topics[self._topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return sorted(found.partitions)

    def _is_another_topic(self) -> bool:
        """Return whether another topic has the name now, and take over its id."""
        found = topic_id(self._settings, self._topic)
        if found is None:
            return False  # a broker without ids: the offsets alone show what they can
        earlier, self._id = self._id, found
        if earlier in {None, found}:
            return False
        log.error("the source was created again: reading from its beginning", topic=self._topic)
        return True

    def _offset(self, consumer: Consumer, partition: int, stored: int | None) -> int:
        """Return the stored next offset, or the nearest available one."""
        first, end = watermarks(consumer, self._topic, partition, _QUERY_TIMEOUT_S)
        if stored is None:
            # A partition added later is read from its beginning: its records are newer than the feed's first start.
            return end if self._start_latest else first
        if stored > end:
            log.error("the source has shrunk: reading from its beginning", topic=self._topic, partition=partition)
            return first
        if stored < first:
            self._note_gap(partition, stored, first)
        return max(first, stored)

    def _note_gap(self, partition: int, stored: int, first: int) -> None:
        log.error("the source deleted records before they were read", topic=self._topic, records=first - stored)
        detail = f"{self._topic}/{partition}: records {stored} to {first - 1} were deleted before they were read"
        self._gaps.append(gap_dead_letter(self._topic, self._id, partition, stored, first, feed=FEED, detail=detail))

    def _parts(self, offsets: Mapping[int, int]) -> dict[str, str | None]:
        return {f"{self._topic}/{partition}": str(offset) for partition, offset in offsets.items()}


def topic_id(settings: Settings, topic: str) -> str | None:
    """Return the id of a topic, None if its broker gives none or does not answer."""
    try:
        admin = AdminClient(client_config(settings))
        described = admin.describe_topics(TopicCollection([topic]), request_timeout=_QUERY_TIMEOUT_S)
        found = described[topic].result(_QUERY_TIMEOUT_S)
    except (KafkaException, TimeoutError) as error:
        log.warning("the id of the source is not known", topic=topic, error=str(error))
        return None
    bits = found.topic_id.get_most_significant_bits(), found.topic_id.get_least_significant_bits()
    return str(found.topic_id) if any(bits) else None
