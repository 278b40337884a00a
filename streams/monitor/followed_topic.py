"""Topic that the monitor follows: read from its beginning once, then only what is new."""

from abc import ABC, abstractmethod

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.codec import WireError
from schemas.messages import Message
from schemas.topics import TOPICS
from streams.kafka.clients import create_codec, reader_config
from streams.kafka.lag import ANSWER_S
from streams.kafka.polling import poll
from streams.settings import Settings

log = structlog.get_logger()

_QUEUE_KIB = 16 * 1024
"""Limit of the client's queue of fetched records; one record may exceed it."""


class FollowedTopic(ABC):
    """State over a whole topic, updated by `read`.

    Parameters
    ----------
    topic
        Without prefix.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic
        self._codec = create_codec(settings)
        self._name = settings.topic_prefix + topic
        self._consumer = Consumer(reader_config(settings, queued_max_messages_kbytes=_QUEUE_KIB))
        self._restart()

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def read(self) -> None:
        """Read the new records; the whole topic the first time and after a failure.

        Raises
        ------
        KafkaException
            The broker does not answer.
        ConnectionError
            The schema registry does not answer.
        """
        try:
            self._read_new()
        except (KafkaException, ConnectionError):
            self._restart()
            raise

    @abstractmethod
    def clear(self) -> None:
        """Empty the state, before the topic is read from its beginning."""

    @abstractmethod
    def apply(self, key: bytes, value: bytes | None) -> None:
        """Apply one record; a value of None is a tombstone."""

    def decoded[M: Message](self, kind: type[M], key: bytes, value: bytes) -> M | None:
        """Return a record of the topic; None, with a line in the log, if it cannot be decoded."""
        try:
            found = self._codec.decode(self._topic, value)
        except WireError as error:
            shown = key.decode(errors="replace")
            log.warning("record cannot be decoded", topic=self._topic, key=shown, reason=error.reason)
            return None
        assert isinstance(found, kind)
        return found

    def _restart(self) -> None:
        self.clear()
        self._unread = set(range(TOPICS[self._topic].partitions))
        self._consumer.assign([TopicPartition(self._name, partition, OFFSET_BEGINNING) for partition in self._unread])

    def _read_new(self) -> None:
        while (polled := poll(self._consumer, ANSWER_S if self._unread else 0)) is not None:
            if polled.record is None:
                self._unread.discard(polled.partition)
            else:
                self.apply(polled.record.key() or b"", polled.record.value())
        if self._unread:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name
