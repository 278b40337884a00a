"""What each stage has not brought to an end, seen from the broker: right also of a stage that hangs or does not run.

Only what a reader of committed records would be given counts: neither a transaction's markers nor what was aborted, of
which a partition's end may consist for ever.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.kafka.clients import client_config, reader_config
from streams.settings import Settings
from streams.topology import OPTIONAL, STAGES, group_start, readers_group, sources

ANSWER_S = 10.0

type Place = tuple[str, int]
"""Logical topic and partition."""
type Offsets = dict[Place, int]


class Oldest(NamedTuple):
    """The first record at or after an offset."""

    start: int
    offset: int
    written_s: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class StageLag:
    """What waits for one stage."""

    records: int = 0
    oldest_s: float | None = None
    """When the oldest was written, seconds since the epoch; None when nothing waits."""


class LagReader:
    """Asks the broker; every call raises `KafkaException` when it does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        self._groups = group_start(settings)
        self._admin = AdminClient(client_config(settings))
        self._reader = Consumer(
            reader_config(
                settings,
                readers_group(settings),
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                # One record of each partition is looked at, and some topics have large ones.
                queued_min_messages=1,
                fetch_message_max_bytes=1_000,
                fetch_wait_max_ms=50,
            )
        )
        self._oldest: dict[Place, Oldest] = {}

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()

    def places(self) -> list[Place]:
        """Return every partition of every topic.

        Raises
        ------
        UsageError
            A topic that a stage reads is not there.
        """
        known = self._admin.list_topics(timeout=ANSWER_S).topics
        if missing := [t for stage in STAGES for t in sources(stage) if self._prefix + t not in known]:
            raise UsageError(f"topic {self._prefix + missing[0]} does not exist: run `jikimi topics create`")
        there = [topic for topic in TOPICS if self._prefix + topic in known]
        return [(topic, partition) for topic in there for partition in known[self._prefix + topic].partitions]

    def ends(self) -> Offsets:
        """Return where each partition of every topic ends; raises as `places` does."""
        return self._offsets(self.places(), OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def look(self, ends: Offsets) -> dict[str, StageLag]:
        """Return what waits for each stage, given where the partitions end."""
        starts = {stage: self._starts(stage, ends, done) for stage, done in self._done().items()}
        behind = {place: start for of_stage in starts.values() for place, start in of_stage.items()}
        self._find({place: start for place, start in behind.items() if start < ends[place]})
        return {stage: self._backlog(of_stage, ends) for stage, of_stage in starts.items()}

    def _backlog(self, starts: Offsets, ends: Offsets) -> StageLag:
        found = {place: self._oldest[place] for place in starts if place in self._oldest}
        if not found:
            return StageLag()
        records = sum(ends[place] - oldest.offset for place, oldest in found.items())
        return StageLag(records, min(oldest.written_s for oldest in found.values()))

    def _starts(self, stage: str, ends: Offsets, done: Offsets) -> Offsets:
        """Return where the stage goes on in each partition: at its commit, or at the first record there still is."""
        places = [place for place in ends if place[0] in sources(stage)]
        first = self._offsets(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        commits = {place: done.get(place, 0) for place in places}
        # A commit past the end is one in a topic that was made anew: the stage begins again.
        return {p: commits[p] if first[p] <= commits[p] <= ends[p] else first[p] for p in places}

    def _done(self) -> dict[str, Offsets]:
        """Return for each stage the furthest commit of any group that runs it: stages may run alone or together."""
        done: dict[str, Offsets] = {stage: {} for stage in STAGES}
        for group in self._admin.list_consumer_groups(request_timeout=ANSWER_S).result().valid:
            commits = self._commits(group.group_id) if self._stages(group.group_id) else {}
            for stage in self._stages(group.group_id):
                for place, offset in commits.items():
                    done[stage][place] = max(offset, done[stage].get(place, 0))
        return done

    def _stages(self, group: str) -> Collection[str]:
        """Return the stages that a group runs, none if it is no worker's."""
        named = group.removeprefix(self._groups) if group.startswith(self._groups) else ""
        stages = STAGES if named == "all" else tuple(named.split("-"))
        known = {*STAGES, *OPTIONAL}
        return [stage for stage in stages if stage in STAGES] if set(stages) <= known else ()

    def _commits(self, group: str) -> Offsets:
        asked = [ConsumerGroupTopicPartitions(group)]
        answer = self._admin.list_consumer_group_offsets(asked, request_timeout=ANSWER_S)[group].result()
        of_ours = [tp for tp in answer.topic_partitions or [] if tp.topic.removeprefix(self._prefix) in TOPICS]
        return {(tp.topic.removeprefix(self._prefix), tp.partition): tp.offset for tp in of_ours if tp.offset >= 0}

    def _offsets(self, places: Collection[Place], spec: OffsetSpec) -> Offsets:
        asked = {TopicPartition(self._prefix + topic, partition): spec for topic, partition in places}
        answers = self._admin.list_offsets(asked, request_timeout=ANSWER_S) if asked else {}
        return {(tp.topic.removeprefix(self._prefix), tp.partition): a.result().offset for tp, a in answers.items()}

    def _find(self, starts: Mapping[Place, int]) -> None:
        """Keep the oldest record of each of these partitions; where nothing moved it is known from the last look."""
        self._oldest = {p: o for p, o in self._oldest.items() if p in starts and o.start <= starts[p] <= o.offset}
        sought = {place: start for place, start in starts.items() if place not in self._oldest}
        for place, offset, written_s in self._first(sought):
            self._oldest[place] = Oldest(sought[place], offset, written_s)

    def _first(self, starts: Mapping[Place, int]) -> Iterator[tuple[Place, int, float]]:
        """Yield place, offset and time of the first record of each partition from here on, if it has one."""
        left = set(starts)
        self._reader.assign([TopicPartition(self._prefix + t, p, start) for (t, p), start in starts.items()])
        while left:
            message = self._reader.poll(ANSWER_S)
            if message is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name
            error, offset = message.error(), message.offset()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - likewise
                raise KafkaException(error)
            name, partition = message.topic() or "", message.partition() or 0
            place = name.removeprefix(self._prefix), partition
            if place not in left:
                continue
            left.remove(place)
            self._reader.incremental_unassign([TopicPartition(name, partition)])
            if error is None and offset is not None:
                yield place, offset, message.timestamp()[1] / 1000
        self._reader.unassign()
