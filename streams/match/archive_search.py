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
which a popular intro has thousands.

What its topic no longer retains is deleted from the archive, also in partitions that other workers have now.

Segments that this worker's archive lacks, because another worker processed them or the folder was lost, are first read
from the topic. Each of them is also searched in the live index: the worker that processed it may have died before its
own late search.
"""

import asyncio
import time
import weakref
from collections.abc import Callable, Collection, Sequence
from functools import cache
from itertools import count
from typing import NamedTuple

import structlog

from schemas.codec import WireError
from schemas.messages import Descriptors, Match, Reference
from schemas.validation import defect
from streams.engine.context import Context
from streams.exchange.list_index import ListIndex
from streams.exchange.live_lists import LiveLists
from streams.kafka.range_reader import RangeReader, RangeRecord
from streams.match.archive import Archive, Hit
from streams.match.live_index import LiveIndex
from streams.match.piece import Piece
from streams.match.progress import Progress
from streams.match.reference_index import ReferenceIndex
from streams.match.scores import scores_record
from streams.match.search_order import PieceWork, SearchOrder
from streams.match.search_report import TOPIC as SEARCHES
from streams.match.search_report import SearchReport
from streams.telemetry import metrics, trace

log = structlog.get_logger()

_ASSIGNMENT_POLL_S = 1.0
_CATCH_UP_STEP = 500
"""Offsets archived between two checkpoints."""
_EXPIRY_S = 60.0
"""Time between two looks at what the topic still retains."""
_ROUND_S = 60.0
"""Time after which the search of many references is interrupted for the other steps."""
_TURN_S = 10.0
"""Time after which a piece with many hits is paused for other references."""
_MAX_PAUSED = 256
"""Pieces paused at once; beyond it a piece is not paused."""


type SealThumbnails = Callable[[Descriptors, Sequence[Match]], list[Match]]


class _PastSegment(NamedTuple):
    """Descriptors read from their topic again, and the headers that continue their trace."""

    descriptors: Descriptors
    headers: trace.Headers


class _Paused(NamedTuple):
    """Hits of a piece that are not scored yet."""

    partitions: Collection[int]
    hits: list[Hit]


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
    ) -> None:
        self._context = context
        self._archive = archive
        self._progress = progress
        self._live = live
        self._seal_thumbnails = seal_thumbnails
        self._lists = lists
        self._reader = RangeReader(context.settings, context.physical("descriptors"), context.group)
        self._generation = context.generation()
        self._caught_up: set[int] = set()
        self._ends: dict[int, int] = {}
        self._searched: dict[int, set[str]] = {}
        self._turns = count()
        self._report = SearchReport()
        self._paused: dict[str, _Paused] = {}
        self._next_expiry_s = 0.0
        self._erased_for: Callable[[], ReferenceIndex | None] = lambda: None

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
        await self._catch_up(owned)
        await self._expire()
        await self._erase_removed()
        await self._search_new(owned & self._caught_up)

    async def _expire(self) -> None:
        """Delete what the topic no longer retains, a few slices at a time: searches go on in between."""
        if time.monotonic() < self._next_expiry_s:
            return
        if not await asyncio.to_thread(self._archive.expire, cache(self._reader.first)):
            self._next_expiry_s = time.monotonic() + _EXPIRY_S

    async def _erase_removed(self) -> None:
        """Erase the tokens of pieces that no longer exist, in memory and on disk."""
        index = await self._live.current()
        if index is self._erased_for():
            return
        await asyncio.to_thread(self._progress.keep_searched, index.pieces.keys())
        for tokens in self._searched.values():
            tokens.intersection_update(index.pieces)
        self._paused = {token: paused for token, paused in self._paused.items() if token in index.pieces}
        self._erased_for = weakref.ref(index)

    async def _catch_up(self, owned: Collection[int]) -> None:
        """Archive the committed records that this worker's archive lacks, and store the end of each partition.

        Without a rebalance only this worker commits, and it archives before it commits. After a rebalance other workers
        may have committed: the records since the last stored end are read.
        """
        generation = self._context.generation()
        if generation != self._generation:
            self._generation = generation
            self._caught_up.clear()
        committed = await asyncio.to_thread(self._reader.committed, owned)
        for partition, end in committed.items():
            if partition not in self._caught_up:
                await self._catch_up_one(partition, end)
            elif self._context.generation() != generation:
                return  # a rebalance has begun: another worker may have committed this
            if self._ends.get(partition) != end:  # this is asked each second, and nothing may have come
                await self._mark_end(partition, end)
            self._caught_up.add(partition)

    async def _catch_up_one(self, partition: int, end: int) -> None:
        start = await asyncio.to_thread(self._progress.end, partition)
        if start < end:
            start = max(start, await asyncio.to_thread(self._reader.first, partition))
            log.info("archive catches up", partition=partition, start=start, end=end)
        while start < end:
            step_end = min(start + _CATCH_UP_STEP, end)
            indexes: list[ReferenceIndex | ListIndex] = [await self._live.current()]
            if self._lists is not None:
                indexes.append(await self._lists.index())
            found = await asyncio.to_thread(self._archive_range, indexes, partition, start, step_end)
            del indexes
            for past, match in found:
                await self._send(past, match, f"{match.case_id}/{match.reference_id}")
            await self._mark_end(partition, step_end)
            start = step_end
        self._searched[partition] = await asyncio.to_thread(self._progress.searched, partition)

    async def _mark_end(self, partition: int, end: int) -> None:
        await asyncio.to_thread(self._archive.sync)
        await asyncio.to_thread(self._progress.mark_end, partition, end)
        self._ends[partition] = end

    def _archive_range(
        self, indexes: Sequence[ReferenceIndex | ListIndex], partition: int, start: int, end: int
    ) -> list[tuple[_PastSegment, Match]]:
        """Archive a range of the topic and return its matches."""
        found = []
        for record in self._reader.read(partition, start, end):
            if (past := self._decode(record)) is not None and not past.descriptors.look:
                self._archive.add(Hit(partition, record.offset), past.descriptors)
                found += [(past, match) for index in indexes for match in index.search(past.descriptors)]
        return found

    async def _search_new(self, partitions: Collection[int]) -> None:
        unsearched, order = await self._order(partitions)
        until_s = time.monotonic() + _ROUND_S
        while (token := order.next()) is not None:
            with metrics.LATE_SEARCH_SECONDS.time():
                is_done = await self._search(token, unsearched[token])
            if is_done:
                order.done(token)
                self._report.done(token)
                metrics.LATE_SEARCH_WAITING.dec()
            else:
                order.paused(token, len(self._paused[token].hits))
            metrics.LATE_SEARCH_REFERENCES.labels("waiting").set(order.n_references)
            await self._send_report(is_end=False)
            if self._live.swapped.is_set() or time.monotonic() > until_s:
                return  # what was withdrawn is erased first, and what has ended or expired is stored
        await self._send_report(is_end=True)

    async def _send_report(self, *, is_end: bool) -> None:
        for search in self._report.due(is_end=is_end):
            await self._context.send(SEARCHES, str(search.partition), search)
            self._report.written(search)

    async def _order(self, partitions: Collection[int]) -> tuple[dict[str, set[int]], SearchOrder]:
        """Return the partitions in which each piece is unsearched, and the order of these pieces.

        Neither holds the pieces: a case withdrawn amid a long search must not stay in memory.
        """
        pieces, reach = (await self._live.current()).pieces, self._live.reach
        unsearched = {
            token: pending
            for token in pieces
            if (pending := {partition for partition in partitions if token not in self._searched[partition]})
        }
        work = {token: self._work(token, pieces[token]) for token in unsearched}
        order = SearchOrder(work, self._turns)
        rows = {token: PieceWork(work[token].reference, _rows(pieces[token])) for token in unsearched}
        self._report.begin(partitions, unsearched, rows, reach)
        metrics.LATE_SEARCH_WAITING.set(len(unsearched))
        metrics.LATE_SEARCH_REFERENCES.labels("all").set(len({piece.reference for piece in pieces.values()}))
        metrics.LATE_SEARCH_REFERENCES.labels("waiting").set(order.n_references)
        return unsearched, order

    def _work(self, token: str, piece: Piece) -> PieceWork:
        paused = self._paused.get(token)
        return PieceWork(piece.reference, len(paused.hits) if paused else _rows(piece))

    async def _search(self, token: str, partitions: Collection[int]) -> bool:
        """Search a piece unless its case was withdrawn, and its hits until it is; return False if it was paused."""
        if (piece := await self._piece(token)) is None:
            return True
        until_s = time.monotonic() + _TURN_S
        hits = await self._hits(token, piece, partitions)
        while hits:
            if not await self._score(token, hits.pop()):
                return True
            if hits and time.monotonic() > until_s and len(self._paused) < _MAX_PAUSED:
                self._paused[token] = _Paused(partitions, hits)
                return False
        await asyncio.to_thread(self._progress.mark_searched, partitions, token)
        for partition in partitions:
            self._searched[partition].add(token)
        return True

    async def _hits(self, token: str, piece: Reference, partitions: Collection[int]) -> list[Hit]:
        """Return the hits of a piece that are not scored yet, the first one last."""
        paused = self._paused.pop(token, None)
        if paused is not None and paused.partitions == partitions:
            return paused.hits
        index = await self._live.current()
        rule = await asyncio.to_thread(index.candidate_rule, token, piece) if token in index.pieces else None
        del index
        if rule is None:
            return []
        found = await asyncio.to_thread(self._archive.search, piece, partitions, rule)
        if found:
            log.info("late search", modality=piece.modality, segments=len(found))
        return sorted(found, reverse=True)

    async def _piece(self, token: str) -> Reference | None:
        found = (await self._live.current()).pieces.get(token)
        return None if found is None else await asyncio.to_thread(found.load)

    async def _score(self, token: str, hit: Hit) -> bool:
        """Return whether the piece still exists."""
        index = await self._live.current()
        if token not in index.pieces:
            return False
        past = await asyncio.to_thread(self._fetch, hit)
        if past is not None and (found := await asyncio.to_thread(index.match_one, token, past.descriptors)):
            await self._send(past, found, token)
        return True

    async def _send(self, past: _PastSegment, match: Match, token: str) -> None:
        with trace.span("late", "descriptors", past.headers):
            matches = self._seal_thumbnails(past.descriptors, [match])
            scores = scores_record(past.descriptors, matches, token)
            await self._context.send("scores", past.descriptors.segment.post.post_id, scores)

    def _fetch(self, hit: Hit) -> _PastSegment | None:
        """Return the descriptors of a hit, None after their topic's retention."""
        record = self._reader.record(hit.partition, hit.offset)
        return None if record is None else self._decode(record)

    def _decode(self, record: RangeRecord) -> _PastSegment | None:
        try:
            descriptors = self._context.codec.decode("descriptors", record.value or b"")
        except WireError:
            return None  # the stage's guard has written a dead letter
        assert isinstance(descriptors, Descriptors)
        return _PastSegment(descriptors, record.headers) if defect(descriptors) is None else None  # likewise


def _rows(piece: Piece) -> int:
    return piece.n_rows + len(piece.digests)
