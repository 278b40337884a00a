"""`jikimi monitor`: what waits, seen from the broker, so also true of a stage that hangs or does not run."""

import signal
import threading
import time
from contextlib import closing
from datetime import datetime
from typing import get_args

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.codec import WireError
from schemas.messages import State, Takedown
from schemas.topics import TOPICS
from streams.errors import UsageError
from streams.kafka.clients import reader_config
from streams.kafka.codec_factory import create_codec
from streams.kafka.lag import ANSWER_S, LagReader, StageLag
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.takedown.log import pending
from streams.telemetry import metrics
from streams.telemetry.metrics_server import serve_metrics
from streams.topology import readers_group

log = structlog.get_logger()

_CLOCKS_S = {"24h": 24 * 3600.0, "48h": 48 * 3600.0}
_WAITING = tuple(state for state in get_args(State) if pending(state) or state == "held")
"""A law's clock runs on while a takedown is held."""


def run_monitor(settings: Settings) -> None:
    """Look at the broker every few seconds and serve what is seen, until told to stop.

    A broker that goes away is waited for: meanwhile `MONITOR_LOOKED` gets old.

    Raises
    ------
    UsageError
        There is no port to serve at or it is taken, or at the start no broker answers or topics are missing.
    """
    if settings.metrics_port is None:
        raise UsageError("the monitor needs a port to be read at: set JIKIMI_METRICS_PORT")
    serve_metrics(settings.metrics_port)
    wait_for_broker(settings)
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    with closing(Monitor(settings)) as monitor:
        monitor.check()
        log.info("monitor looks", every_s=settings.monitor_interval_s)
        while not told.is_set():
            _look(monitor)
            told.wait(settings.monitor_interval_s)


def _look(monitor: "Monitor") -> None:
    try:
        monitor.look()
    except (KafkaException, ConnectionError, UsageError) as error:
        log.warning("the broker was not seen", error=str(error))


class Monitor:
    """Sets the monitor's metrics to what it sees."""

    def __init__(self, settings: Settings) -> None:
        self._backlogs = LagReader(settings)
        self._takedowns = PendingTakedowns(settings)

    def close(self) -> None:
        """Close the connections."""
        self._backlogs.close()
        self._takedowns.close()

    def check(self) -> None:
        """Raise a `UsageError` when there is nothing to monitor."""
        self._backlogs.places()

    def look(self) -> None:
        """Look once.

        Raises
        ------
        KafkaException
            The broker does not answer.
        """
        ends = self._backlogs.ends()
        backlogs = self._backlogs.look(ends)
        self._takedowns.read()
        now_s = time.time()
        for topic in {topic for topic, _ in ends}:
            metrics.TOPIC_RECORDS.labels(topic).set(sum(end for place, end in ends.items() if place[0] == topic))
        for stage, backlog in backlogs.items():
            _tell_backlog(stage, backlog, now_s)
        self._takedowns.tell(now_s)
        metrics.MONITOR_LOOKED.set(now_s)


def _tell_backlog(stage: str, backlog: StageLag, now_s: float) -> None:
    age_s = 0.0 if backlog.oldest_s is None else max(0.0, now_s - backlog.oldest_s)
    metrics.OLDEST_RECORD_AGE_SECONDS.labels(stage).set(age_s)
    metrics.WAITING_RECORDS.labels(stage).set(backlog.records)


class PendingTakedowns:
    """Every takedown that still asks a platform for something or is held: the takedowns topic, read whole."""

    def __init__(self, settings: Settings) -> None:
        self._topic = f"{settings.topic_prefix}takedowns"
        self._codec = create_codec(settings)
        self._consumer = Consumer(reader_config(settings, readers_group(settings)))
        self._begin()

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def read(self) -> None:
        """Take in what is there; the first time that is everything, and after a failure it is everything again.

        Raises
        ------
        KafkaException
            The broker does not answer.
        ConnectionError
            The schema registry does not.
        """
        try:
            self._read_on()
        except (KafkaException, ConnectionError):
            self._begin()
            raise

    def tell(self, now_s: float) -> None:
        """Set the metrics."""
        ages_s = [(state, max(0.0, now_s - since.timestamp())) for state, since in self._pending.values()]
        for state in _WAITING:
            of_state = [age_s for its, age_s in ages_s if its == state]
            metrics.TAKEDOWNS_PENDING.labels(state).set(len(of_state))
            metrics.TAKEDOWN_AGE_SECONDS.labels(state).set(max(of_state, default=0.0))
        for clock, limit_s in _CLOCKS_S.items():
            metrics.TAKEDOWNS_OVERDUE.labels(clock).set(sum(age_s > limit_s for _, age_s in ages_s))

    def _begin(self) -> None:
        self._pending: dict[str, tuple[State, datetime]] = {}
        self._unread = set(range(TOPICS["takedowns"].partitions))
        self._consumer.assign([TopicPartition(self._topic, partition, OFFSET_BEGINNING) for partition in self._unread])

    def _read_on(self) -> None:
        while (message := self._consumer.poll(ANSWER_S if self._unread else 0)) is not None:
            self._note(message)
        if self._unread:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name

    def _note(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self._take(message.value() or b"")
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            self._unread.discard(message.partition() or 0)
        else:
            raise KafkaException(error)

    def _take(self, value: bytes) -> None:
        try:
            event = self._codec.decode("takedowns", value)
        except WireError as error:
            log.warning("takedown cannot be read", reason=error.reason)
            return
        assert isinstance(event, Takedown)
        _, since = self._pending.pop(event.takedown_id, (None, event.at))
        if event.state in _WAITING:
            self._pending[event.takedown_id] = event.state, since
