"""Compaction of a topic made to happen now, so that what was erased leaves the broker's files in seconds.

A broker compacts a segment once the next one has begun, and then in its own time. Two settings, changed while an
erasure lasts, make it compact at once; the tombstone of an erased entry, written once more, begins the next segment.
What the settings were before is a header of that tombstone: whoever repeats the erasure restores them, also on another
machine and after a kill. Tombstones stay for `delete.retention.ms`, a day: a worker that was cut off must read them.
"""

from collections.abc import Callable, Mapping

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    ResourceType,
)

from schemas.topics import TOPICS
from streams.kafka.clients import client_config, headers_of, reader_config
from streams.kafka.polling import poll_in_time
from streams.kafka.producer import TopicWriter
from streams.kafka.raw_scan import RawScan
from streams.kafka.topic_settings import LAG, settings_of
from streams.settings import Settings

MIN_LAG, FILE_DELAY = "min.compaction.lag.ms", "file.delete.delay.ms"
_AT_ONCE = {LAG: "1", MIN_LAG: "0"}
_CLEANER = "min.cleanable.dirty.ratio"
"""Setting of every topic of a broker that compacts."""
_HEADER = "jikimi-settings-before"
NOT_COMPACTING = "this broker does not compact: what it holds goes when it ends"
_ANSWER_S = 20.0
_REFUSALS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.POLICY_VIOLATION,
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_REQUEST,
    KafkaError.UNSUPPORTED_VERSION,
}

type _Overrides = Mapping[str, str | None]
"""Values set for the topic itself; None is the broker's default."""


class Compaction:
    """Settings of one topic while it is compacted at once; `restore` must follow `begin`.

    Parameters
    ----------
    topic
        Without prefix; a run's copy of a declared topic has a dot and the run's id after its name.
    key
        Of an erased entry: its tombstone is repeated.

    Attributes
    ----------
    refusal
        Why the broker does not compact at once; empty if it does.
    file_delay_s
        How long the broker keeps the files that compaction has replaced.
    """

    def __init__(self, settings: Settings, writer: TopicWriter, topic: str, key: str) -> None:
        self.topic, self.refusal, self.file_delay_s = topic, "", 60.0
        self._settings, self._writer, self._key = settings, writer, key
        self._admin = AdminClient(client_config(settings))
        self._resource = settings.topic_prefix + topic
        self._before: _Overrides | None = None

    def begin(self) -> None:
        """Make the broker compact at once, or set `refusal`; can be called again while others do the same."""
        self._unless_refused(self._begin)

    def restore(self) -> None:
        """Restore the settings as they were before the first erasure under way, also before one that was killed."""
        self._unless_refused(self._restore)

    def _unless_refused(self, step: Callable[[], None]) -> None:
        try:
            step()
        except KafkaException as error:
            if error.args[0].code() not in _REFUSALS:
                raise
            self._before = None  # nothing was changed
            self.refusal = f"the broker refuses to change {self._resource}: {error.args[0].str()}"

    def next_segment(self) -> None:
        """Begin the next segment by a tombstone, with the settings to restore; the one before is then compacted."""
        note = {} if self._before is None else {_HEADER: msgspec.json.encode(self._before)}
        self._writer.write_bytes(self.topic, self._key.encode(), None, note)
        self._writer.flush()

    def _begin(self) -> None:
        found = self._describe()
        if _CLEANER not in found:
            self.refusal = NOT_COMPACTING
            return
        self.file_delay_s = int(found[FILE_DELAY].value or 60_000) / 1000
        overrides = _overrides(found)
        if self._before is None:
            self._before = self._noted() if overrides == _AT_ONCE else overrides
            self.next_segment()  # the note first
        if overrides != _AT_ONCE:
            self._alter(_AT_ONCE)

    def _restore(self) -> None:
        if self._before is None and not self.refusal and _overrides(self._describe()) == _AT_ONCE:
            self._before = self._noted()
        if self._before is not None:
            self._alter(self._before)

    def _noted(self) -> _Overrides:
        """Return what an erasure under way, or one that was killed, has found; without a note, what is declared."""
        before: _Overrides = {LAG: settings_of(TOPICS[self.topic.partition(".")[0]])[LAG], MIN_LAG: None}
        for message in RawScan(self._settings, self.topic):
            if note := headers_of(message).get(_HEADER):
                before = msgspec.json.decode(note, type=dict[str, str | None])
        return before

    def _describe(self) -> Mapping[str, ConfigEntry]:
        resource = ConfigResource(ResourceType.TOPIC, self._resource)
        found: Mapping[str, ConfigEntry] = self._admin.describe_configs([resource])[resource].result(_ANSWER_S)
        return found

    def _alter(self, wanted: _Overrides) -> None:
        change = ConfigResource(
            ResourceType.TOPIC,
            self._resource,
            incremental_configs=[
                ConfigEntry(name, value or "", incremental_operation=_SET if value is not None else _DELETE)
                for name, value in wanted.items()
            ],
        )
        for answer in self._admin.incremental_alter_configs([change]).values():
            answer.result(_ANSWER_S)


_SET, _DELETE = AlterConfigOpType.SET, AlterConfigOpType.DELETE


def _overrides(found: Mapping[str, ConfigEntry]) -> _Overrides:
    entries = {name: found.get(name) for name in _AT_ONCE}
    return {name: entry.value if entry is not None and _is_own(entry) else None for name, entry in entries.items()}


def _is_own(entry: ConfigEntry) -> bool:
    return ConfigSource(entry.source) is ConfigSource.DYNAMIC_TOPIC_CONFIG


class Retained:
    """Whether single records are still in a topic: one small fetch each."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = settings.topic_prefix + topic
        self._consumer = Consumer(
            reader_config(
                settings,
                auto_offset_reset="earliest",
                isolation_level="read_uncommitted",
                fetch_message_max_bytes=64 * 1024,  # a larger record comes whole, and without its successors
                queued_min_messages=1,
                fetch_wait_max_ms=50,
            )
        )

    def has(self, partition: int, offset: int) -> bool:
        """Return whether the record at this offset is there; raises `KafkaException` if the broker gives no answer."""
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])
        record = poll_in_time(self._consumer, _ANSWER_S).record
        return record is not None and record.offset() == offset

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()
