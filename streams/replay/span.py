"""Offset ranges of a run: which records of which topics it reads."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.errors import UsageError
from streams.kafka.clients import client_config
from streams.kafka.polling import while_temporary
from streams.settings import Settings

_ANSWER_S = 30.0
_NONE = -1
_EARLIEST, _LATEST, _NEWEST = OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class PartitionId(NamedTuple):
    """Topic and number of a partition; records with equal timestamps are read in the order of these."""

    topic: str
    """Without prefix."""
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"

    @classmethod
    def parse(cls, text: str) -> "PartitionId":
        """Return the partition of this string form."""
        topic, _, number = text.rpartition("/")
        return cls(topic, int(number))


type Offsets = dict[PartitionId, int]


class Span(NamedTuple):
    """First offset of each partition, and the offset to stop before."""

    starts: Offsets
    ends: Offsets


def parse_time(text: str, now: datetime) -> datetime:
    """Return a time: ISO 8601, UTC if no zone is given, or a duration before `now` such as 90m, 24h or 7d.

    Raises
    ------
    UsageError
        The text has another format.
    """
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(seconds=float(ago[1]) * _UNITS[ago[2]])
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{text!r} is not a time: write 2026-03-01T12:00 (UTC), or a duration before now such as 24h or 7d"
        ) from error
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def is_relative(text: str | None) -> bool:
    """Return whether the text is a duration before now, which is another time on each call."""
    return text is not None and _AGO.fullmatch(text) is not None


class OffsetQuery:
    """Queries the broker for the offsets and times of topics."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        self._admin = AdminClient(client_config(settings))

    def span(self, topics: tuple[str, ...], since: datetime | None, until: datetime | None) -> Span:
        """Return the offsets of everything written from `since` to before `until`; None means no limit.

        Raises
        ------
        UsageError
            There are no such records, or the oldest of them have been deleted; the message has the topic's time range.
        """
        starts: Offsets = {}
        ends: Offsets = {}
        for topic in topics:
            topic_span = self._span(topic, since, until)
            starts |= topic_span.starts
            ends |= topic_span.ends
        first = topics[0]
        if all(ends[partition] <= starts[partition] for partition in starts if partition.topic == first):
            raise UsageError(f"{first} holds nothing {_interval(since, until)}: {self._held(first)}")
        return Span(starts, ends)

    def ends(self, topics: tuple[str, ...]) -> Offsets:
        """Return the end offset of each partition, for consumers of committed records."""
        return {
            partition: found.offset
            for topic in topics
            for partition, found in self._offsets(self._partitions(topic), _LATEST).items()
        }

    def _span(self, topic: str, since: datetime | None, until: datetime | None) -> Span:
        partitions = self._partitions(topic)
        latest = {partition: found.offset for partition, found in self._offsets(partitions, _LATEST).items()}
        earliest = {partition: found.offset for partition, found in self._offsets(partitions, _EARLIEST).items()}
        starts = self._offsets_at(partitions, since, latest) if since is not None else earliest
        ends = self._offsets_at(partitions, until, latest) if until is not None else latest
        if since is not None and any(earliest.values()) and (held := self._time_range(topic)) and since < held[0]:
            raise UsageError(f"{topic} no longer holds all records since {_formatted(since)}: {self._held(topic)}")
        return Span({partition: min(start, ends[partition]) for partition, start in starts.items()}, ends)

    def _offsets_at(self, partitions: list[PartitionId], time: datetime, latest: Offsets) -> Offsets:
        """Return the first offset at or after a time, the end of the partition if there is none."""
        found = self._offsets(partitions, OffsetSpec.for_timestamp(round(time.timestamp() * 1000)))
        return {partition: latest[partition] if at.offset == _NONE else at.offset for partition, at in found.items()}

    def _time_range(self, topic: str) -> tuple[datetime, datetime] | None:
        """Return the times of the oldest and the newest record of a topic, None when it is empty."""
        partitions = self._partitions(topic)
        oldest = [found.timestamp for found in self._offsets(partitions, OffsetSpec.for_timestamp(0)).values()]
        newest = [found.timestamp for found in self._offsets(partitions, _NEWEST).values()]
        oldest, newest = ([time for time in times if time != _NONE] for times in (oldest, newest))
        return (_time(min(oldest)), _time(max(newest))) if oldest and newest else None

    def _held(self, topic: str) -> str:
        times = self._time_range(topic)
        return f"it holds records from {_formatted(times[0])} to {_formatted(times[1])}" if times else "it is empty"

    def _partitions(self, topic: str) -> list[PartitionId]:
        name = self._prefix + topic
        try:
            found = self._admin.list_topics(name, timeout=_ANSWER_S).topics[name]
        except KafkaException as error:
            raise UsageError(f"{topic} cannot be queried: {error.args[0].str()}") from error
        if found.error is not None or not found.partitions:
            raise UsageError(f"topic {name} does not exist: run `jikimi topics create`")
        return [PartitionId(topic, number) for number in sorted(found.partitions)]

    def _offsets(self, partitions: list[PartitionId], which: OffsetSpec) -> dict[PartitionId, Any]:
        try:
            return self._list_offsets(partitions, which)
        except KafkaException as error:
            raise UsageError(f"the broker does not return offsets: {error.args[0].str()}") from error

    @while_temporary
    def _list_offsets(self, partitions: list[PartitionId], which: OffsetSpec) -> dict[PartitionId, Any]:
        request = {TopicPartition(self._prefix + topic, number): which for topic, number in partitions}
        answers = self._admin.list_offsets(request, isolation_level=IsolationLevel.READ_COMMITTED)
        found = {tp.partition: answer.result(_ANSWER_S) for tp, answer in answers.items()}
        return {partition: found[partition.number] for partition in partitions}


def _time(timestamp_ms: int) -> datetime:
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC)


def _formatted(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _interval(since: datetime | None, until: datetime | None) -> str:
    limits = [f"since {_formatted(since)}"] if since is not None else []
    return " ".join([*limits, f"until {_formatted(until)}"] if until is not None else limits) or "at all"
