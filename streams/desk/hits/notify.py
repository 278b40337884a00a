"""`jikimi notify`: one message a minute and case to the officers, as long as there are hits.

The service is a consumer group. It commits only what it has sent, so that no hit is lost when it is killed: a message
is then repeated under its id, or with more hits. A message that is not taken waits for the next round and grows by the
hits that come meanwhile; a bundle is some counts, so nothing fills up.
"""

import asyncio
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.messages import Message
from streams.desk.hits.bundle import Bundle
from streams.desk.hits.follower import ANSWER_S, decoded
from streams.desk.hits.hit import TOPICS_OF_HITS, Hits
from streams.desk.hits.hook import FAILURES, Hook
from streams.kafka.clients import create_codec, reader_config
from streams.kafka.offsets import committed_offsets, end_offsets
from streams.kafka.polling import while_temporary
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.topology import group

log = structlog.get_logger()

_GATHER_S = 2.0
"""A burst is one message: how long hits are gathered before they are sent."""
_IDLE_S = 30.0
"""Longest gathering without a hit, after which the position is committed."""
_AFTER_FAILURE_S = 5.0
_ROUND_S = 120.0
"""Longest round of messages; those left wait for the next round. A longer one would cost the group's membership."""
NOTIFY = "notify"
"""Name of the service's consumer group."""


def run_notify(settings: Settings) -> None:
    """Send messages until SIGTERM.

    Raises
    ------
    UsageError
        The hook is not set, or the broker does not answer at the start.
    """
    notifier = Notifier(Hook(settings).send)
    wait_for_broker(settings)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    log.info("notify started", interval_s=settings.hook.interval_s)
    while not stopping.is_set():
        try:
            with closing(HitGroup(settings)) as hits:
                while not stopping.is_set():
                    gather(hits.next, notifier, stopping)
                    notify(notifier, hits.commit, partial(stopping.wait, settings.hook.interval_s))
        except (KafkaException, ConnectionError) as error:  # the latter from the schema registry
            log.warning("hits cannot be read", error=str(error))
            stopping.wait(_AFTER_FAILURE_S)


def gather(next_message: Callable[[], Message | None], notifier: "Notifier", stopping: threading.Event) -> None:
    """Read messages until shortly after the first hit, or for a while without one."""
    ends_s = time.monotonic() + (_IDLE_S if notifier.is_idle else _GATHER_S)
    while not stopping.is_set() and time.monotonic() < ends_s:
        was_idle = notifier.is_idle
        if (message := next_message()) is not None:
            notifier.add(message)
        if was_idle and not notifier.is_idle:
            ends_s = time.monotonic() + _GATHER_S


def notify(notifier: "Notifier", commit: Callable[[], None], pause: Callable[[], object]) -> None:
    """Send what waits, commit if all of it was taken, and pause after an attempt."""
    has_tried = not notifier.is_idle
    asyncio.run(notifier.flush())
    if notifier.is_idle:
        commit()
    if has_tried:
        pause()


class Notifier:
    """Bundles that wait to be sent, by case."""

    def __init__(self, send: Callable[[Bundle], Awaitable[None]]) -> None:
        self._send = send
        self._hits = Hits()
        self._waiting: dict[str, Bundle] = {}

    def add(self, message: Message) -> None:
        """Count a message, if it is a hit."""
        hit = self._hits.of(message)
        if hit is None:
            return
        if (bundle := self._waiting.get(hit.case_id)) is not None:
            bundle.add(hit)
        else:
            self._waiting[hit.case_id] = Bundle.of(hit)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    async def flush(self, limit_s: float = _ROUND_S) -> None:
        """Send the bundle of every case; keep those that are not taken, or for which there is no time."""
        ends_s = time.monotonic() + limit_s
        for case_id, bundle in list(self._waiting.items()):
            if time.monotonic() >= ends_s:
                log.warning("messages wait for the next round", cases=len(self._waiting))
                return
            try:
                await self._send(bundle)
            except FAILURES as error:
                log.warning("officers not notified", case=case_id, error=repr(error))
            else:
                del self._waiting[case_id]


class HitGroup:
    """Consumer group of the topics that have hits; it starts at their end, and later where it has committed."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        self._codec = create_codec(settings)
        options = {
            "auto_offset_reset": "earliest",  # what was deleted unread is passed over, and nothing else
            "max_poll_interval_ms": int(1000 * (settings.hook.interval_s + 2 * _ROUND_S)),
        }
        self._consumer = Consumer(reader_config(settings, group(settings, NOTIFY), **options))
        self._consumer.subscribe([self._prefix + topic for topic in TOPICS_OF_HITS], on_assign=_assign)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    @property
    def is_assigned(self) -> bool:
        """Whether it has partitions."""
        return bool(self._consumer.assignment())

    def next(self) -> Message | None:
        """Return the next message, None if none comes in half a second."""
        return decoded(self._consumer.poll(0.5), self._prefix, self._codec)

    def commit(self) -> None:
        """Commit what was read; a failure is logged, and repeats messages at worst."""
        try:
            self._consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:  # noqa: SLF001 - its public name
                log.warning("position not committed", error=error.args[0].str())


@while_temporary
def _assign(consumer: Consumer, partitions: list[TopicPartition]) -> None:
    """Start partitions without a commit at their end, and commit that: a restart must skip nothing since then.

    Raises
    ------
    KafkaException
        The broker does not answer.
    """
    assigned = [(partition.topic, partition.partition) for partition in partitions]
    committed = committed_offsets(consumer, assigned, ANSWER_S)
    ends = end_offsets(consumer, [one for one in assigned if one not in committed], ANSWER_S)
    if ends:
        consumer.commit(offsets=[TopicPartition(*where, offset) for where, offset in ends.items()], asynchronous=False)
    consumer.assign([TopicPartition(*where, offset) for where, offset in (committed | ends).items()])
