"""Records of requests, written once for each idempotency key."""

from collections.abc import Sequence

import msgspec

from schemas.messages import Post, Removal
from streams.feeds.cursor import Progress
from streams.feeds.entry_error import EntryError
from streams.feeds.http.idempotency_keys import IdempotencyKeys
from streams.feeds.http.record_queue import RecordQueue
from streams.feeds.http.settings import HttpSettings


class Accepted(msgspec.Struct, frozen=True):
    """Ids of the accepted records, in the order of the request."""

    ids: list[str]


class Ingestor:
    """Writes the records of requests, each idempotency key once.

    Parameters
    ----------
    progress
        Has the idempotency keys of the last day.
    """

    def __init__(self, settings: HttpSettings, progress: Progress) -> None:
        self._settings = settings
        self.queue = RecordQueue(settings.max_waiting, settings.patience_s)
        self._keys = IdempotencyKeys(progress.parts, settings.key_memory_s)

    async def ingest(self, records: Sequence[Post | Removal], key: str | None, request: bytes) -> Accepted:
        """Return once the records are written, or were written before under this key."""
        if key is not None and (earlier := self._keys.find(key, request)) is not None:
            if earlier.written is not None:
                await self.queue.wait(earlier.written)
            return Accepted(earlier.ids)
        ids = [record.post_id if isinstance(record, Post) else record.removal_id for record in records]
        changes = {} if key is None else self._keys.changes(key, request, ids)
        written = self.queue.put(records, changes)
        self._keys.apply(changes, written)
        await self.queue.wait(written)
        return Accepted(ids)

    def as_list[T](self, entries: T | list[T]) -> list[T]:
        """Return the entries of a request as a list.

        Raises
        ------
        EntryError
            There are none, or too many.
        """
        found = entries if isinstance(entries, list) else [entries]
        if not 0 < len(found) <= self._settings.max_records:
            raise EntryError(
                f"{len(found)} records; a request holds 1 to {self._settings.max_records} (JIKIMI_HTTP_MAX_RECORDS)"
            )
        return found
