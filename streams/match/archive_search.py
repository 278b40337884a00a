"""Search of new cases in the archive of past posts: the late half of the join, run beside the match stage's agent.

Late and live find the same pairs with the same scores: both compare a segment with a reference in the same way, and
late_candidates.py rejects only segments without a match. What differs:

- A live search compares a segment with at most 256 references of pictures or sound, a late one has no such limit.
- Late, nothing is found of a segment whose descriptors their topic no longer retains.
- Late scores are of matched segments only. So the stretch of their look ends with the last of these, and a name alone
  is not looked at again, because no segment with the media's addresses has come.
- Above 64 references the index of references is approximate for both: what it rejects live is rejected late too.

A reference enters the live index first and is searched in the archive afterwards, so no segment falls between the two.
A finished search is stored per partition only after its scores are delivered: a crash repeats a search and never skips
one.

References take turns, see search_order.py. A turn is one piece's search, or ten seconds of the work on its hits, of
which a popular intro has thousands, see piece_search.py.

What its topic no longer retains is deleted from the archive, also in partitions that other workers have now.

Segments that this worker's archive lacks, because another worker processed them or the folder was lost, are first read
from the topic, see catch_up.py.
"""

import asyncio
import time
from collections.abc import Collection
from functools import cache
from itertools import count

from streams.engine.context import Context
from streams.exchange.live_lists import LiveLists
from streams.kafka.range_reader import RangeReader
from streams.match.archive import Archive
from streams.match.catch_up import CatchUp
from streams.match.late_scores import LateScores, SealThumbnails
from streams.match.list_progress import ListProgress
from streams.match.live_index import LiveIndex
from streams.match.past_segments import ONE_RECORD, PastSegments
from streams.match.piece import Piece
from streams.match.piece_search import PieceSearch
from streams.match.progress import Progress
from streams.match.search_order import PieceWork, SearchOrder
from streams.match.search_report import TOPIC as SEARCHES
from streams.match.search_report import SearchReport
from streams.match.unsearched import Unsearched
from streams.telemetry import metrics

_ASSIGNMENT_POLL_S = 1.0
_EXPIRY_S = 60.0
"""Time between two looks at what the topic still retains."""
_ROUND_S = 60.0
"""Time after which the search of many references is interrupted for the other steps."""


class ArchiveSearch:
    """Search of each new reference in the archived partitions that this worker owns."""

    def __init__(  # noqa: PLR0917 - in the order of their use
        self,
        context: Context,
        archive: Archive,
        progress: Progress,
        live: LiveIndex,
        seal_thumbnails: SealThumbnails,
        lists: LiveLists | None = None,
        list_progress: ListProgress | None = None,
    ) -> None:
        self._context, self._archive, self._live = context, archive, live
        self._reader = RangeReader(context.settings, "descriptors", context.group)
        scores = LateScores(context, seal_thumbnails)
        self._unsearched = Unsearched(progress, live)
        self._catch_up = CatchUp(
            context, archive, progress, live, scores, unsearched=self._unsearched, reader=self._reader, lists=lists
        )
        past = PastSegments(RangeReader(context.settings, "descriptors", context.group, **ONE_RECORD), context.codec)
        self._pieces = PieceSearch(archive, live, past, scores)
        self._turns = count()
        self._report = SearchReport(list_progress or ListProgress())
        self._next_expiry_s = 0.0
        self._compaction: asyncio.Future[int] | None = None

    async def run(self) -> None:
        """Search until cancelled, after each index swap and at least once a second; may be started again."""
        await self._live.current()
        while True:
            self._live.swapped.clear()
            await self._search_once()
            try:
                await asyncio.wait_for(self._live.swapped.wait(), _ASSIGNMENT_POLL_S)
            except TimeoutError:
                continue

    async def _search_once(self) -> None:
        """Search what is new; after an error it can be called again, because progress is stored after its outputs."""
        # During a rebalance the assignment is not settled yet.
        owned = set() if self._context.app.rebalancing else self._context.owned("descriptors")
        await self._catch_up.run(owned)
        await self._expire()
        await self._erase_removed()
        await self._search_new(owned & self._catch_up.done)
        self._compact()

    def _compact(self) -> None:
        """Have a thread make codes, unless one still does: a new victim does not wait for it. Raises its error."""
        if self._compaction is not None:
            if not self._compaction.done():
                return
            self._compaction.result()
        self._compaction = asyncio.get_running_loop().run_in_executor(None, self._archive.compact)

    async def _expire(self) -> None:
        """Delete what the topic no longer retains, a few slices at a time: searches go on in between."""
        if time.monotonic() < self._next_expiry_s:
            return
        if not await asyncio.to_thread(self._archive.expire, cache(self._reader.first)):
            self._next_expiry_s = time.monotonic() + _EXPIRY_S

    async def _erase_removed(self) -> None:
        """Erase the tokens of pieces that no longer exist, in memory and on disk."""
        await self._unsearched.erase_withdrawn()
        self._pieces.keep((await self._live.current()).pieces)

    async def _search_new(self, partitions: Collection[int]) -> None:
        unsearched, order = await self._order(partitions)
        until_s = time.monotonic() + _ROUND_S
        while (token := order.next()) is not None:
            with metrics.LATE_SEARCH_SECONDS.time():
                await self._search(token, unsearched[token])
            if n_left := self._pieces.n_left(token):
                order.paused(token, n_left)
            else:
                order.done(token)
                self._report.done(token)
                metrics.LATE_SEARCH_WAITING.dec()
            metrics.LATE_SEARCH_REFERENCES.labels("waiting").set(order.n_references)
            await self._send_report(is_end=False)
            if self._live.swapped.is_set() or time.monotonic() > until_s:
                return  # what was withdrawn is erased first, and what has ended or expired is stored
        await self._send_report(is_end=True)

    async def _search(self, token: str, partitions: Collection[int]) -> None:
        if not await self._pieces.run(token, partitions):
            return
        await self._unsearched.mark_searched(partitions, token)

    async def _send_report(self, *, is_end: bool) -> None:
        for search in self._report.due(is_end=is_end):
            await self._context.send(SEARCHES, str(search.partition), search)
            self._report.written(search)

    async def _order(self, partitions: Collection[int]) -> tuple[dict[str, set[int]], SearchOrder]:
        """Return the partitions in which each piece is unsearched, and the order of these pieces.

        Neither holds the pieces: a case withdrawn amid a long search must not stay in memory.
        """
        pieces, reach = (await self._live.current()).pieces, self._live.reach
        pending = self._unsearched.of(partitions)
        unsearched = {token: pending[token] for token in sorted(pending, key=lambda token: pieces[token].number)}
        work = {token: self._work(token, pieces[token]) for token in unsearched}
        order = SearchOrder(work, self._turns)
        rows = {token: PieceWork(work[token].reference, _rows(pieces[token])) for token in unsearched}
        self._report.begin(partitions, unsearched, rows, reach)
        metrics.LATE_SEARCH_WAITING.set(len(unsearched))
        metrics.LATE_SEARCH_REFERENCES.labels("all").set(self._unsearched.n_references)
        metrics.LATE_SEARCH_REFERENCES.labels("waiting").set(order.n_references)
        return unsearched, order

    def _work(self, token: str, piece: Piece) -> PieceWork:
        return PieceWork(piece.reference, self._pieces.n_left(token) or _rows(piece))


def _rows(piece: Piece) -> int:
    return piece.n_rows + len(piece.digests)
