"""Search of new cases in the archive of past posts: the late half of the join, run beside the match stage's agent.

A reference enters the live index first and is searched in the archive afterwards, so no segment falls between the two.
A finished search is stored per partition only after its scores are delivered: a crash repeats a search and never skips
one.

Segments that this worker's archive lacks, because another worker processed them or the folder was lost, are first read
from the topic. Each of them is also searched in the live index: the worker that processed it may have died before its
own late search.
"""

import asyncio
from collections.abc import Collection
from typing import NamedTuple

import structlog

from schemas.codec import WireError
from schemas.messages import Descriptors, Match
from schemas.validation import defect
from streams.engine.context import Context
from streams.kafka.range_reader import RangeReader, RangeRecord
from streams.match.archive import Archive, Hit
from streams.match.live_index import LiveIndex
from streams.match.reference_index import ReferenceIndex
from streams.match.scores import scores_record
from streams.telemetry import metrics, trace

log = structlog.get_logger()

_ASSIGNMENT_POLL_S = 1.0
_CATCH_UP_STEP = 500
"""Offsets archived between two checkpoints."""
_FLOOR = {"visual": 0.4, "audio": 0.3, "text": 0.6, "voice": 0.8}
"""Cosine of a stored vector from which its segment is aligned.

For pictures it is above the alignment's own floor, which chance reaches too often: a segment whose frames all lie below
it is found live, but not late.
"""


class _PastSegment(NamedTuple):
    """Descriptors read from their topic again, and the headers that continue their trace."""

    descriptors: Descriptors
    headers: trace.Headers


class ArchiveSearch:
    """Search of each new reference in the archived partitions that this worker owns."""

    def __init__(self, context: Context, archive: Archive, live: LiveIndex) -> None:
        self._context = context
        self._archive = archive
        self._live = live
        self._reader = RangeReader(context.settings, context.physical("descriptors"), context.group)
        self._generation = context.generation()
        self._caught_up: set[int] = set()
        self._searched: dict[int, set[str]] = {}

    async def run(self) -> None:
        """Search until cancelled, after each index swap and at least once a second."""
        await self._live.current()
        while True:
            self._live.swapped.clear()
            await self._context.retry_while_unreachable(self._search_once)
            try:
                await asyncio.wait_for(self._live.swapped.wait(), _ASSIGNMENT_POLL_S)
            except TimeoutError:
                continue

    async def _search_once(self) -> None:
        """Search what is new; after an error it can be called again, because progress is stored after its outputs."""
        # During a rebalance the assignment is not settled yet.
        owned = set() if self._context.app.rebalancing else self._context.owned("descriptors")
        await self._catch_up(owned)
        await self._search_new(await self._live.current(), owned & self._caught_up)

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
            await asyncio.to_thread(self._archive.mark_end, partition, end)
            self._caught_up.add(partition)

    async def _catch_up_one(self, partition: int, end: int) -> None:
        start = await asyncio.to_thread(self._archive.end, partition)
        if start < end:
            start = max(start, await asyncio.to_thread(self._reader.first, partition))
            log.info("archive catches up", partition=partition, start=start, end=end)
        index = await self._live.current()
        while start < end:
            step_end = min(start + _CATCH_UP_STEP, end)
            for past, match in await asyncio.to_thread(self._archive_range, index, partition, start, step_end):
                await self._send(past, match, f"{match.case_id}/{match.reference_id}")
            await asyncio.to_thread(self._archive.mark_end, partition, step_end)
            start = step_end
        self._searched[partition] = await asyncio.to_thread(self._archive.searched, partition)

    def _archive_range(
        self, index: ReferenceIndex, partition: int, start: int, end: int
    ) -> list[tuple[_PastSegment, Match]]:
        """Archive a range of the topic and return its matches."""
        found = []
        for record in self._reader.read(partition, start, end):
            if (past := self._decode(record)) is not None:
                self._archive.add(Hit(partition, record.offset), past.descriptors)
                found += [(past, match) for match in index.search(past.descriptors)]
        return found

    async def _search_new(self, index: ReferenceIndex, partitions: Collection[int]) -> None:
        for partition in partitions:
            if removed := self._searched[partition] - index.pieces.keys():
                await asyncio.to_thread(self._archive.remove_searched, partition, removed)
                self._searched[partition] -= removed
        unsearched = {
            token: pending
            for token in index.pieces
            if (pending := {partition for partition in partitions if token not in self._searched[partition]})
        }
        metrics.LATE_SEARCH_WAITING.set(len(unsearched))
        for token, pending in unsearched.items():
            with metrics.LATE_SEARCH_SECONDS.time():
                await self._search(index, token, pending)
            metrics.LATE_SEARCH_WAITING.dec()

    async def _search(self, index: ReferenceIndex, token: str, partitions: Collection[int]) -> None:
        *_, reference = index.pieces[token]
        hits = await asyncio.to_thread(self._archive.search, reference, partitions, _FLOOR[reference.modality])
        for hit in sorted(hits):
            await self._score(index, token, hit)
        for partition in partitions:
            await asyncio.to_thread(self._archive.mark_searched, partition, token)
            self._searched[partition].add(token)
        if hits:
            log.info("late search", modality=reference.modality, segments=len(hits))

    async def _score(self, index: ReferenceIndex, token: str, hit: Hit) -> None:
        past = await asyncio.to_thread(self._fetch, hit)
        if past is not None and (found := await asyncio.to_thread(index.match_one, token, past.descriptors)):
            await self._send(past, found, token)

    async def _send(self, past: _PastSegment, match: Match, token: str) -> None:
        with trace.span("late", "descriptors", past.headers):
            scores = scores_record(past.descriptors, [match], token)
            await self._context.send("scores", past.descriptors.segment.post.post_id, scores)

    def _fetch(self, hit: Hit) -> _PastSegment | None:
        """Return the descriptors of a hit, None after their topic's retention."""
        for record in self._reader.read(hit.partition, hit.offset, hit.offset + 1):
            return self._decode(record)
        return None

    def _decode(self, record: RangeRecord) -> _PastSegment | None:
        try:
            descriptors = self._context.codec.decode("descriptors", record.value or b"")
        except WireError:
            return None  # the stage's guard has written a dead letter
        assert isinstance(descriptors, Descriptors)
        return _PastSegment(descriptors, record.headers) if defect(descriptors) is None else None  # likewise
