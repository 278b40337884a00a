"""From when to when: which offsets of which topics a run reads."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import stamina
from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.errors import UsageError
from streams.kafka.clients import client_config
from streams.kafka.topic_reader import is_temporary
from streams.settings import Settings

_ANSWER_S = 30.0
_NONE = -1
_EARLIEST, _LATEST, _NEWEST = OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Place(NamedTuple):
    """One partition; in this order records of the same time are read."""

    topic: str
    """Without prefix."""
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Return the place that prints like this."""
        topic, _, partition = text.rpartition("/")
        return cls(topic, int(partition))


type Offsets = dict[Place, int]


class Span(NamedTuple):
    """What is read of each partition."""

    starts: Offsets
    ends: Offsets


def instant(text: str, now: datetime) -> datetime:
    """Return the moment that a person means: ISO 8601, UTC if no zone is given, or a time ago such as 90m, 24h or 7d.

    Raises
    ------
    UsageError
        It is written in another way.
    """
    if ago := _AGO.fullmatch(text):
        return now - timedelta(seconds=float(ago[1]) * _UNITS[ago[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time: write 2026-03-01T12:00 (UTC), or 24h or 7d for so long ago") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def is_relative(text: str | None) -> bool:
    """Return whether the text means another moment when it is read later."""
    return text is not None and _AGO.fullmatch(text) is not None


class Look:
    """Asks the broker what topics hold."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        self._admin = AdminClient(client_config(settings))

    def span(self, topics: tuple[str, ...], since: datetime | None, until: datetime | None) -> Span:
        """Return the offsets of everything written from `since` to before `until`; None is no limit.

        Raises
        ------
        UsageError
            There is nothing, or not everything any more; says what there still is.
        """
        starts: Offsets = {}
        ends: Offsets = {}
        for topic in topics:
            of_topic = self._span(topic, since, until)
            starts |= of_topic.starts
            ends |= of_topic.ends
        first = topics[0]
        if all(ends[place] <= starts[place] for place in starts if place.topic == first):
            raise UsageError(f"{first} holds nothing {_between(since, until)}: {self._held(first)}")
        return Span(starts, ends)

    def ends(self, topics: tuple[str, ...]) -> Offsets:
        """Return where each partition ends now, for readers of what is committed."""
        return {
            place: found.offset
            for topic in topics
            for place, found in self._offsets(self._places(topic), _LATEST).items()
        }

    def _span(self, topic: str, since: datetime | None, until: datetime | None) -> Span:
        places = self._places(topic)
        latest = {place: found.offset for place, found in self._offsets(places, _LATEST).items()}
        firsts = {place: found.offset for place, found in self._offsets(places, _EARLIEST).items()}
        starts = self._from(places, since, latest) if since is not None else firsts
        ends = self._from(places, until, latest) if until is not None else latest
        if since is not None and any(firsts.values()) and (held := self._times(topic)) and since < held[0]:
            raise UsageError(f"{topic} no longer holds all since {_told(since)}: {self._held(topic)}")
        return Span({place: min(start, ends[place]) for place, start in starts.items()}, ends)

    def _from(self, places: list[Place], moment: datetime, latest: Offsets) -> Offsets:
        found = self._offsets(places, OffsetSpec.for_timestamp(round(moment.timestamp() * 1000)))
        return {place: latest[place] if at.offset == _NONE else at.offset for place, at in found.items()}

    def _times(self, topic: str) -> tuple[datetime, datetime] | None:
        """Return the times of the oldest and the newest record of a topic, None when it is empty."""
        places = self._places(topic)
        first = [found.timestamp for found in self._offsets(places, OffsetSpec.for_timestamp(0)).values()]
        last = [found.timestamp for found in self._offsets(places, _NEWEST).values()]
        first, last = ([time for time in times if time != _NONE] for times in (first, last))
        return (_moment(min(first)), _moment(max(last))) if first and last else None

    def _held(self, topic: str) -> str:
        times = self._times(topic)
        return f"it holds records from {_told(times[0])} to {_told(times[1])}" if times else "it is empty"

    def _places(self, topic: str) -> list[Place]:
        name = self._prefix + topic
        try:
            found = self._admin.list_topics(name, timeout=_ANSWER_S).topics[name]
        except KafkaException as error:
            raise UsageError(f"{topic} cannot be looked at: {error.args[0].str()}") from error
        if found.error is not None or not found.partitions:
            raise UsageError(f"topic {name} does not exist: run `jikimi topics create`")
        return [Place(topic, number) for number in sorted(found.partitions)]

    def _offsets(self, places: list[Place], which: OffsetSpec) -> dict[Place, Any]:
        try:
            return self._ask(places, which)
        except KafkaException as error:
            raise UsageError(f"the broker does not tell its offsets: {error.args[0].str()}") from error

    @stamina.retry(on=is_temporary, timeout=_ANSWER_S)
    def _ask(self, places: list[Place], which: OffsetSpec) -> dict[Place, Any]:
        asked = {TopicPartition(self._prefix + place.topic, place.partition): which for place in places}
        answers = self._admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED)
        found = {tp.partition: answer.result(_ANSWER_S) for tp, answer in answers.items()}
        return {place: found[place.partition] for place in places}


def _moment(timestamp_ms: int) -> datetime:
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC)


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _between(since: datetime | None, until: datetime | None) -> str:
    words = [f"since {_told(since)}"] if since is not None else []
    return " ".join([*words, f"until {_told(until)}"] if until is not None else words) or "at all"
