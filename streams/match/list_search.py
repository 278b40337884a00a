"""Search of the new hashes of lists in past posts: what an import has added is compared with what was seen before it.

An entry has the time of the import that brought it. A file of past hashes was compared, live, with the entries until
the time at which it was begun, and here with those until its mark; the entries after both are compared with it, the
list with the fewest first and the newest file first. A mark is stored after the scores are delivered: a crash repeats
one list in one file, and never skips one. Found are candidates; their records are read from the topic and compared as a
live one is, so the scores are those of a live search. Lists ask for a review at most, and so do late scores.

It uses a share of one core: after each piece of work it rests for three times as long as that took.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from itertools import count
from typing import NamedTuple

import structlog

from streams.engine.context import Context
from streams.exchange.list_index import ListIndex
from streams.exchange.live_lists import LiveLists
from streams.kafka.range_reader import RangeReader
from streams.match.archive import Hit
from streams.match.late_scores import LateScores, SealThumbnails
from streams.match.list_marks import ListMarks
from streams.match.list_progress import ListProgress
from streams.match.past_segments import ONE_RECORD, PastSegments
from streams.match.scores import best_first
from streams.match.search_order import PieceWork, SearchOrder
from streams.match.seen_hashes import HashFile, SeenHashes
from streams.match.seen_rows import candidates
from streams.telemetry import metrics

log = structlog.get_logger()

_POLL_S = 1.0
_ROUND_S = 60.0
"""Time after which the order is made anew, with what was imported meanwhile."""
_REST = 3.0
"""Rest after work, in times of the work."""
_BLOCK = 128
"""Hashes compared with a file at once, in 70 ms; it bounds the pairs that are found at once."""


class _Work(NamedTuple):
    """A list and a file that was not compared with all of it."""

    list_id: str
    file: HashFile
    after: int

    @property
    def place(self) -> tuple[str, int]:
        """List and partition."""
        return self.list_id, self.file.partition


@asynccontextmanager
async def _resting() -> AsyncIterator[None]:
    """Rest after the work within, so that live posts have the other cores and most of this one."""
    began_s = time.monotonic()
    yield
    await asyncio.sleep(_REST * (time.monotonic() - began_s))


class ListSearch:
    """Search of each new entry of a list in the hashes of the partitions that this worker owns."""

    def __init__(
        self,
        context: Context,
        lists: LiveLists,
        seen: SeenHashes,
        marks: ListMarks,
        seal_thumbnails: SealThumbnails,
    ) -> None:
        self._context = context
        self._lists = lists
        self._seen = seen
        self._marks = marks
        self.progress = ListProgress()
        reader = RangeReader(context.settings, "descriptors", context.group, **ONE_RECORD)
        self._past, self._scores = PastSegments(reader, context.codec), LateScores(context, seal_thumbnails)
        self._turns = count()
        self._done_for: object = None

    async def run(self) -> None:
        """Search until cancelled, at least once a second; may be started again."""
        await self._lists.index()
        while True:
            await self._search_once()
            await asyncio.sleep(_POLL_S)

    async def _search_once(self) -> None:
        owned = frozenset() if self._context.app.rebalancing else frozenset(self._context.owned("descriptors"))
        state = owned, self._context.generation(), self._lists.complete, self._lists.n_changes
        if state == self._done_for:
            return  # a file that was begun since was compared with all entries when it was live
        if await self._search(owned, self._lists.complete):
            self._done_for = state

    async def _search(self, owned: Collection[int], until: int) -> bool:
        """Return whether nothing is left of what was there at the beginning."""
        index, files = await self._lists.index(), self._seen.files(owned)
        newest = await asyncio.to_thread(index.newest)
        await asyncio.to_thread(self._marks.keep, newest.keys(), {one.name for one in self._seen.all_files()})
        compared = [
            (_Work(list_id, file, max(file.born, self._marks.mark(list_id, file.name))), min(at, until))
            for list_id, at in newest.items()
            for file in files
            if file.born < min(at, until)
        ]
        work = {f"{one.list_id}/{one.file.name}": one for one, end in compared if one.after < end}
        self.progress.begin((one.place for one, _ in compared), (one.place for one in work.values()))
        starts = {(one.list_id, one.after) for one in work.values()}
        sizes = {start: await asyncio.to_thread(index.n_added, *start, until) for start in starts}
        rows = {token: PieceWork((one.list_id, ""), sizes[one.list_id, one.after]) for token, one in work.items()}
        order, until_s = SearchOrder(rows, self._turns), time.monotonic() + _ROUND_S
        left = len(work)
        while (token := order.next()) is not None and time.monotonic() < until_s:
            metrics.LIST_SEARCH_WAITING.set(left)
            await self._compare(work[token], until)
            self.progress.done(*work[token].place)
            order.done(token)
            left -= 1
        metrics.LIST_SEARCH_WAITING.set(left)
        return not left

    async def _compare(self, work: _Work, until: int) -> None:
        """Compare a file with the entries that it was not compared with, unless the list was withdrawn."""
        recent = await asyncio.to_thread((await self._lists.index()).only, work.list_id, work.after, until)
        offsets = await self._candidates(work, recent)
        if offsets:
            log.info("search of lists in past posts", list=work.list_id, segments=len(offsets))
        for offset in sorted(offsets):
            if not await self._exists(work.list_id):
                return
            async with _resting():
                await self._score(work, offset, recent, until)
        if await self._exists(work.list_id):
            await asyncio.to_thread(self._marks.put, work.list_id, work.file.name, until)

    async def _candidates(self, work: _Work, recent: ListIndex) -> set[int]:
        """Return the offsets to compare, none if the list was withdrawn."""
        rows, found = await asyncio.to_thread(self._seen.read, work.file), set[int]()
        pdq, digests = recent.content()
        for start in range(0, max(len(pdq), 1), _BLOCK):
            if not await self._exists(work.list_id):
                return set()
            block = pdq[start : start + _BLOCK]
            async with _resting():
                found |= await asyncio.to_thread(candidates, rows, block, digests if start == 0 else frozenset())
        return found

    async def _exists(self, list_id: str) -> bool:
        return list_id in (await self._lists.index()).names()

    async def _score(self, work: _Work, offset: int, recent: ListIndex, until: int) -> None:
        """Write the scores of one past segment, whose id is the same after a crash."""
        for past in await asyncio.to_thread(self._past.at, [Hit(work.file.partition, offset)]):
            if found := await asyncio.to_thread(recent.search, past.descriptors):
                await self._scores.send(past, best_first(found), f"{work.list_id}@{until}")
