"""Live index of all hash lists, which changes as they are imported and withdrawn."""

import asyncio
from collections.abc import Callable

from schemas.codec import Codec
from schemas.messages import ListPart
from streams.exchange.list_index import ListIndex
from streams.exchange.lists import TOPIC
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
        self._index = ListIndex(key)

    async def index(self) -> ListIndex:
        """Return the index; the first call waits until the lists have been read."""
        await self._built.wait()
        return self._index

    async def run(self) -> None:
        """Keep the index up to date until cancelled."""
        await self.start()
        self._built.set()
        await asyncio.Event().wait()

    def _put(self, key: str, message: ListPart, offset: int) -> None:  # noqa: ARG002 - of the base class
        self._index.put(key, message)

    def _erase(self, key: str) -> None:
        self._index.erase(key)
