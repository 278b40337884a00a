"""A Faust table with durable writes: they can be awaited, and made outside an agent."""

from collections.abc import Callable
from typing import Any, Self

import faust
from faust.tables.table import Table
from faust.types import FutureMessage, TopicT

from streams.engine.faust_driver import is_too_large
from streams.engine.guard import DeliveryError
from streams.errors import UnprocessableError


class DurableTable(Table[bytes, bytes]):
    """Bytes by key, kept in memory and in a compacted changelog.

    Faust writes the changelog in the background and acks the input even if that fails; `put` and `erase` return once
    the broker has the write. The partition follows from the key alone, so a timer may write as well as an agent; the
    changelog must have as many partitions as the topic whose keys it shares.
    """

    _sent: FutureMessage | None = None
    _partition_of: Callable[[bytes], int]

    @classmethod
    def create(cls, app: faust.App, name: str, changelog: TopicT, partition_of: Callable[[bytes], int]) -> Self:
        """Return a table added to the app.

        Parameters
        ----------
        partition_of
            The partition of the source topic that a key belongs to.
        """
        table = cls(
            app, name=name, key_type=bytes, value_type=bytes, changelog_topic=changelog, partitions=changelog.partitions
        )
        table._partition_of = partition_of
        app.tables.add(table)
        return table

    async def put(self, key: bytes, value: bytes) -> None:
        """Set a key and return once the broker has it.

        Raises
        ------
        DeliveryError
            The broker did not accept it: the worker must stop, because its table is ahead of the changelog.
        UnprocessableError
            The value is larger than the broker accepts; the table keeps the value before.
        """
        before = self.data.get(key)
        self[key] = value
        try:
            await self._durable()
        except UnprocessableError:
            self._restore(key, before)
            raise

    async def erase(self, key: bytes) -> None:
        """Erase a key, if it is there, and return once the broker has the tombstone; raises as `put` does."""
        if self.pop(key, None) is not None:
            await self._durable()

    def partition_for_key(self, key: bytes) -> int:
        """Return the changelog partition of a key; Faust itself would take that of the agent's current event."""
        return self._partition_of(key)

    def send_changelog(self, *args: Any, **kwargs: Any) -> FutureMessage:  # noqa: ANN401 - passed on as they are
        """Send as Faust does, and keep the future for `_durable`."""
        self._sent = super().send_changelog(*args, **kwargs)
        return self._sent

    def _restore(self, key: bytes, value: bytes | None) -> None:
        """Set a key to what the changelog has, without another record there."""
        if value is None:
            self.data.pop(key, None)
        else:
            self.data[key] = value

    async def _durable(self) -> None:
        assert self._sent is not None
        try:
            await self._sent
        except Exception as error:
            if is_too_large(error):
                raise UnprocessableError("output_too_large", f"state of table {self.name}") from error
            raise DeliveryError(f"table {self.name} could not be written: {error!r}") from error
