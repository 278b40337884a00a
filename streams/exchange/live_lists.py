"""Live index of all hash lists, swapped for another when one was imported or withdrawn."""

import asyncio
from collections.abc import Callable

from schemas.codec import Codec
from schemas.messages import ListPart
from streams.exchange.list_index import ListIndex, PartHashes
from streams.exchange.lists import TOPIC
from streams.kafka.compacted_topic import CompactedTopic
from streams.settings import Settings


class LiveLists(CompactedTopic[ListPart]):
    """Holder of the newest `ListIndex`.

    Parameters
    ----------
    key
        Key of the digests of whole media; None where MD5 are not compared.
    """

    def __init__(self, settings: Settings, codec: Codec, crash: Callable[[Exception], None], key: bytes | None) -> None:
        super().__init__(settings, codec, TOPIC, crash)
        self._key = key
        self._parts: dict[str, PartHashes] = {}
        self._stale = asyncio.Event()
        self._built = asyncio.Event()
        self._index = ListIndex()
        self.listen(self._stale.set)

    async def index(self) -> ListIndex:
        """Return the newest index; the first call waits until the lists have been read."""
        await self._built.wait()
        return self._index

    async def run(self) -> None:
        """Keep the index up to date until cancelled."""
        await self.start()
        self._stale.set()
        while True:
            await self._stale.wait()
            self._stale.clear()
            self._index = await asyncio.to_thread(ListIndex, list(self._parts.values()))
            self._built.set()

    def _put(self, key: str, message: ListPart, offset: int) -> None:  # noqa: ARG002 - of the base class
        self._parts[key] = PartHashes.of(message, self._key)

    def _erase(self, key: str) -> None:
        self._parts.pop(key, None)
