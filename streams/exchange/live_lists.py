"""Live index of all hash lists, which changes as they are imported and withdrawn."""

import asyncio
from collections.abc import Callable

from schemas.codec import Codec
from schemas.messages import ListPart
from streams.exchange.list_index import ListIndex
from streams.exchange.lists import TOPIC, microseconds
from streams.kafka.compacted_topic import CompactedTopic
from streams.settings import Settings


class LiveLists(CompactedTopic[ListPart]):
    """Reader of the lists into a `ListIndex`.

    Parameters
    ----------
    key
        Key of the digests of whole media; None where MD5 are not compared.
    """

    def __init__(self, settings: Settings, codec: Codec, crash: Callable[[Exception], None], key: bytes | None) -> None:
        super().__init__(settings, codec, TOPIC, crash)
        self._built = asyncio.Event()
        self._changed = asyncio.Event()
        self._index = ListIndex(key)
        self._newest = 0
        self.complete = 0
        """Time of an import, microseconds: of it and of all before the index has every part."""
        self.n_changes = 0
        """Number of parts that were put or erased."""
        self.listen(self._changed.set)

    async def index(self) -> ListIndex:
        """Return the index; the first call waits until the lists have been read."""
        await self._built.wait()
        return self._index

    async def run(self) -> None:
        """Keep the index up to date until cancelled."""
        await self.start()
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            newest = self._newest
            await self.current()  # an import is one transaction: all of it can be read once a part of it was
            self.complete = newest
            self._built.set()

    def _put(self, key: str, message: ListPart, offset: int) -> None:  # noqa: ARG002 - of the base class
        self._index.put(key, message)
        self._newest, self.n_changes = max(self._newest, microseconds(message.at)), self.n_changes + 1

    def _erase(self, key: str) -> None:
        self._index.erase(key)
        self.n_changes += 1
