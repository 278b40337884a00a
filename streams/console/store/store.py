"""Store of the console: tables over the topics, which stay the truth."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial

from confluent_kafka import KafkaException

from schemas.codec import WireError
from schemas.messages import (
    Act,
    Case,
    Checkpoint,
    DeadLetter,
    Delivery,
    Label,
    Message,
    Notice,
    Search,
    Standing,
    Takedown,
    Verdict,
)
from streams.console.store.acts import Acts
from streams.console.store.cases import Cases
from streams.console.store.checks import Checks
from streams.console.store.counts import Counts
from streams.console.store.database import add_indexes, open_database
from streams.console.store.reviews import Reviews
from streams.console.store.takedowns import Place, Takedowns
from streams.desk.searches import Searches
from streams.engine.dead_letter_index import DeadLetterIndex, Selection
from streams.errors import BrokerError
from streams.kafka.clients import create_codec
from streams.kafka.compacted_topic import decode_or_refuse
from streams.kafka.range_reader import RangeReader
from streams.kafka.topic_reader import TopicReader, Update
from streams.kafka.topic_scan import ScannedRecord
from streams.settings import Settings

TOPICS = (
    "cases", "standings", "labels", "takedowns", "deliveries", "verdicts", "searches", "dead-letters", "acts",
    "checkpoints",
)  # fmt: skip
_QUEUE_KIB = 8 * 1024
"""Of each topic: all of them are followed at once."""
_BARRIER_S = 20.0


class Store:
    """Tables over the followed topics; used on one event loop only.

    A record that cannot be decoded is logged and changes nothing.

    Parameters
    ----------
    is_filled
        Whether pages are served at once; otherwise `filled` comes first, after the records that are there already.
    """

    def __init__(self, settings: Settings, *, is_filled: bool = True) -> None:
        self._codec = create_codec(settings)
        self._database = open_database()
        self.counts = Counts(self._database)
        self.cases = Cases(self._database, settings)
        self.takedowns = Takedowns(self._database)
        self.reviews = Reviews(self._database)
        self.acts = Acts(self._database, settings)
        self.searches = Searches()
        self.checks = Checks()
        self.dead_letters = DeadLetterIndex((), self._codec, Selection())
        self.n_records = 0
        """Records applied since the start."""
        self._appliers: Mapping[str, Callable[[Sequence[Update]], None]] = {
            "cases": self._apply_cases,
            "standings": self._apply_standings,
            "labels": lambda updates: self.reviews.add_labels(self._messages("labels", updates, Label)),
            "takedowns": lambda updates: self.takedowns.add_events(self._messages("takedowns", updates, Takedown)),
            "deliveries": self._apply_deliveries,
            "verdicts": self._apply_verdicts,
            "searches": self._apply_searches,
            "dead-letters": self._apply_dead_letters,
            "acts": lambda updates: self.acts.add(self._messages("acts", updates, Act)),
            "checkpoints": lambda updates: self.acts.add_checkpoints(
                self._messages("checkpoints", updates, Checkpoint)
            ),
        }
        if is_filled:
            self.filled()

    def filled(self) -> None:
        """Add what pages need, once, and faster than with each record of a long topic."""
        add_indexes(self._database)

    def close(self) -> None:
        """Close the database, which ends with it."""
        self._database.close()
        self.dead_letters.close()

    def apply(self, topic: str, updates: Sequence[Update]) -> None:
        """Apply records of a topic, in the order of each partition."""
        self.n_records += len(updates)
        self._appliers[topic](updates)

    def _messages[M: Message](self, topic: str, updates: Sequence[Update], kind: type[M]) -> list[M]:
        decoded = (decode_or_refuse(self._codec, topic, update) for update in updates)
        return [message for message in decoded if isinstance(message, kind)]

    async def notice(self, place: Place) -> Notice | None:
        """Return the notice of a step from its record; None if that is no longer retained, or has none.

        Raises
        ------
        BrokerError
            The broker does not answer.
        """
        value = await self._delivery(place)
        try:
            step = self._codec.decode("deliveries", value) if value is not None else None
        except WireError:
            return None
        return step.notice if isinstance(step, Delivery) else None

    async def _delivery(self, place: Place) -> bytes | None:  # noqa: ARG002 - of the store that follows
        """Return the value of a record of a delivery; None here, where no topic is read."""
        return None

    def _apply_deliveries(self, updates: Sequence[Update]) -> None:
        read = ((decode_or_refuse(self._codec, "deliveries", one), Place(one.partition, one.offset)) for one in updates)
        self.takedowns.add_steps((step, place) for step, place in read if isinstance(step, Delivery))

    def _apply_cases(self, updates: Sequence[Update]) -> None:
        for update in updates:
            key = update.key.decode(errors="replace")
            if update.value is None:
                self.cases.erase(key)
                self.checks.erase(key)
            elif isinstance(case := decode_or_refuse(self._codec, "cases", update), Case):
                self.cases.put(key, case, update.offset)

    def _apply_verdicts(self, updates: Sequence[Update]) -> None:
        verdicts = self._messages("verdicts", updates, Verdict)
        self.reviews.add_verdicts(verdicts)
        self.checks.add_verdicts(verdicts)

    def _apply_searches(self, updates: Sequence[Update]) -> None:
        for search in self._messages("searches", [update for update in updates if update.value is not None], Search):
            self.searches.put(search)

    def _apply_standings(self, updates: Sequence[Update]) -> None:
        for update in updates:
            key = update.key.decode(errors="replace")
            if update.value is None:
                self.cases.put_standing(key, None)
            elif isinstance(standing := decode_or_refuse(self._codec, "standings", update), Standing):
                self.cases.put_standing(key, standing)

    def _apply_dead_letters(self, updates: Sequence[Update]) -> None:
        for update in updates:
            record = ScannedRecord(update.partition, update.offset, update.value, update.key)
            self.dead_letters.add(record, self._codec, Selection())
        if not self.checks.is_empty:
            self.checks.add_letters(self._messages("dead-letters", updates, DeadLetter))


class FollowedStore(Store):
    """Store that reads its topics from their beginning and follows them.

    Parameters
    ----------
    crash
        Called when a topic can no longer be read: the pages would be stale.
    """

    def __init__(self, settings: Settings, crash: Callable[[Exception], None]) -> None:
        super().__init__(settings, is_filled=False)
        self._settings = settings
        self._readers = {
            topic: TopicReader(settings, topic, partial(self.apply, topic), crash, queue_kib=_QUEUE_KIB)
            for topic in TOPICS
        }

    async def start(self) -> None:
        """Start to follow the topics and return once everything written before is applied.

        Raises
        ------
        TransientError
            The broker does not answer, or a topic is missing.
        """
        async with asyncio.TaskGroup() as tasks:
            for reader in self._readers.values():
                tasks.create_task(_begin(reader))
        self.filled()

    async def stop(self) -> None:
        """Stop following and close."""
        for reader in self._readers.values():
            await reader.stop()
        self.close()

    async def _delivery(self, place: Place) -> bytes | None:
        return await asyncio.to_thread(self._read_delivery, place)

    def _read_delivery(self, place: Place) -> bytes | None:
        try:
            record = self._deliveries.record(*place)
        except KafkaException as error:
            raise BrokerError(str(error)) from error
        return record.value if record is not None else None

    @cached_property
    def _deliveries(self) -> RangeReader:
        return RangeReader(self._settings, "deliveries")

    async def current(self, *topics: str) -> None:
        """Return once everything written to these topics before the call is applied: a read barrier.

        Raises
        ------
        BrokerError
            The broker does not answer.
        TimeoutError
            It answers, and what was written does not arrive in time.
        """
        async with asyncio.timeout(_BARRIER_S):
            for topic in topics:
                await self._readers[topic].current()


async def _begin(reader: TopicReader) -> None:
    await reader.start()
    await reader.ready()
