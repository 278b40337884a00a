"""Bounded reads of the log of takedowns, by offset and without a group."""

import asyncio
from collections.abc import Callable, Iterator

import structlog
from confluent_kafka import KafkaException

from schemas.codec import WireError
from schemas.messages import Takedown
from streams.delivery.reading.page import ReadTakedown, TakedownPage, cursor_of, offset_of
from streams.errors import UsageError
from streams.feeds.entry_error import EntryError
from streams.feeds.http.record_queue import BrokerUnavailableError, QueueFullError
from streams.kafka.clients import create_codec
from streams.kafka.range_reader import RangeReader, RangeRecord
from streams.settings import Settings

log = structlog.get_logger()

MAX_SCANNED = 2_000
MAX_SCANNED_BYTES = 32 * 1024 * 1024
"""Limits of one read: a platform with few takedowns gets an empty page and a cursor that has moved on."""
MAX_WAITING = 16
"""Reads that wait for their turn; further ones are answered 429."""
_PARTITION = 0

type Show = Callable[[Takedown], ReadTakedown | None]


class TakedownPages:
    """Pages of the log, one read at a time.

    Parameters
    ----------
    ranges
        Of the topic, which has one partition; made of the settings by default.
    """

    def __init__(self, settings: Settings, ranges: RangeReader | None = None) -> None:
        self._ranges = ranges or RangeReader(settings, "takedowns")
        self._codec = create_codec(settings)
        self._one_at_a_time = asyncio.Lock()
        self._n_waiting = 0

    async def page(self, after: str | None, limit: int, show: Show) -> TakedownPage:
        """Return the events after a cursor, at most `limit` of those that are shown.

        Raises
        ------
        EntryError
            The cursor is beyond the log's end: of another log.
        QueueFullError, BrokerUnavailableError
            Too many reads wait, or the broker does not answer.
        """
        if self._n_waiting >= MAX_WAITING:
            raise QueueFullError
        self._n_waiting += 1
        try:
            async with self._one_at_a_time:
                return await asyncio.to_thread(self._page, offset_of(after), limit, show)
        except (KafkaException, ConnectionError, UsageError) as error:
            log.warning("takedowns not read", error=str(error))
            raise BrokerUnavailableError from error
        finally:
            self._n_waiting -= 1

    def _page(self, offset: int, limit: int, show: Show) -> TakedownPage:
        end = self._ranges.end(_PARTITION)
        if offset > end:
            raise EntryError("the cursor is beyond the log, which was recreated: start without `after`")
        found: list[ReadTakedown] = []
        n_scanned = n_bytes = 0
        # Records of a transaction under way are not read yet: the cursor moves only past what was read.
        for record in self._ranges.read(_PARTITION, offset, end):
            offset, n_scanned, n_bytes = record.offset + 1, n_scanned + 1, n_bytes + len(record.value or b"")
            found += [one for event in self._decoded(record) if (one := show(event)) is not None]
            if len(found) >= limit or n_scanned >= MAX_SCANNED or n_bytes >= MAX_SCANNED_BYTES:
                return TakedownPage(takedowns=found, next=cursor_of(offset), more=offset < end)
        return TakedownPage(takedowns=found, next=cursor_of(offset), more=False)

    def _decoded(self, record: RangeRecord) -> Iterator[Takedown]:
        try:
            event = self._codec.decode("takedowns", record.value or b"")
        except WireError as error:
            log.warning("takedown refused", reason=error.reason, offset=record.offset)
            return
        if isinstance(event, Takedown):
            yield event
