"""Pending takedowns: their number and age by state, from the takedowns topic."""

from datetime import datetime
from typing import get_args

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.codec import WireError
from schemas.messages import State, Takedown
from schemas.topics import TOPICS
from streams.kafka.clients import create_codec, reader_config
from streams.kafka.lag import ANSWER_S
from streams.settings import Settings
from streams.takedown.log import pending
from streams.telemetry import metrics
from streams.topology import readers_group

log = structlog.get_logger()

_CLOCKS_S = {"24h": 24 * 3600.0, "48h": 48 * 3600.0}
_STATES = tuple(state for state in get_args(State) if pending(state) or state == "held")
"""A law's clock runs on while a takedown is held."""


class PendingTakedowns:
    """Takedowns with an open request to a platform, and held ones: state over the whole takedowns topic."""

    def __init__(self, settings: Settings) -> None:
        self._topic = f"{settings.topic_prefix}takedowns"
        self._codec = create_codec(settings)
        self._consumer = Consumer(reader_config(settings, readers_group(settings)))
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

    def set_metrics(self, now_s: float) -> None:
        """Set the metrics of pending takedowns."""
        ages_s = [(state, max(0.0, now_s - since.timestamp())) for state, since in self._pending.values()]
        for state in _STATES:
            of_state = [age_s for its, age_s in ages_s if its == state]
            metrics.TAKEDOWNS_PENDING.labels(state).set(len(of_state))
            metrics.TAKEDOWN_AGE_SECONDS.labels(state).set(max(of_state, default=0.0))
        for clock, limit_s in _CLOCKS_S.items():
            metrics.TAKEDOWNS_OVERDUE.labels(clock).set(sum(age_s > limit_s for _, age_s in ages_s))

    def _restart(self) -> None:
        self._pending: dict[str, tuple[State, datetime]] = {}
        self._unread = set(range(TOPICS["takedowns"].partitions))
        self._consumer.assign([TopicPartition(self._topic, partition, OFFSET_BEGINNING) for partition in self._unread])

    def _read_new(self) -> None:
        while (message := self._consumer.poll(ANSWER_S if self._unread else 0)) is not None:
            self._process(message)
        if self._unread:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name

    def _process(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self._apply(message.value() or b"")
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            self._unread.discard(message.partition() or 0)
        else:
            raise KafkaException(error)

    def _apply(self, value: bytes) -> None:
        try:
            event = self._codec.decode("takedowns", value)
        except WireError as error:
            log.warning("takedown cannot be decoded", reason=error.reason)
            return
        assert isinstance(event, Takedown)
        _, since = self._pending.pop(event.takedown_id, (None, event.at))
        if event.state in _STATES:
            self._pending[event.takedown_id] = event.state, since
