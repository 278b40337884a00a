"""New cases against old posts: the other half of the join, run beside the match stage's agent.

A reference goes live first and is searched in the archive after, so that no segment falls between the two. What was
searched is remembered per partition only once its scores are delivered: a crash repeats a search and never skips one.

What the archive of this worker lacks, because another worker handled it or the folder was lost, is read from the topic
first. Each such segment is searched in the index too: whoever handled it may have died before its own late search.
"""

import asyncio
from collections.abc import Collection
from typing import NamedTuple

import structlog

from schemas.codec import WireError
from schemas.messages import Descriptors, Match
from schemas.validation import defect
from streams.engine.app import Context
from streams.kafka.range_reader import RangeReader, RangeRecord
from streams.match.archive import Archive, Hit
from streams.match.live_index import LiveIndex
from streams.match.reference_index import ReferenceIndex, scores
from streams.telemetry import metrics, trace

log = structlog.get_logger()

_ASSIGNMENT_POLL_S = 1.0
_CATCH_UP_STEP = 500
"""Offsets caught up before the progress is written down."""
_FLOOR = {"visual": 0.4, "audio": 0.3, "text": 0.6, "voice": 0.8}
"""Cosine from which a stored vector makes its segment worth aligning.

Of pictures above what the alignment counts from, which chance reaches too often: a segment none of whose frames is as
alike as this is found live, but not late.
"""


class _Old(NamedTuple):
    """What was read again, and the headers that continue its trace."""

    descriptors: Descriptors
    headers: trace.Headers


class ArchiveSearch:
    """Search each new reference in the archived partitions that this worker owns."""

    def __init__(self, context: Context, archive: Archive, live: LiveIndex) -> None:
        self._context = context
        self._archive = archive
        self._live = live
        self._seeker = RangeReader(context.settings, context.physical("descriptors"), context.group)
        self._generation = context.generation()
        self._caught_up: set[int] = set()
        self._searched: dict[int, set[str]] = {}

    async def run(self) -> None:
        """Search until cancelled; woken by a new index or, at the latest, after a second."""
        await self._live.current()
        while True:
            self._live.swapped.clear()
            # During a rebalance nobody knows yet who owns what.
            owned = set() if self._context.app.rebalancing else self._context.owned("descriptors")
            await self._catch_up(owned)
            await self._search_new(await self._live.current(), owned & self._caught_up)
            try:
                await asyncio.wait_for(self._live.swapped.wait(), _ASSIGNMENT_POLL_S)
            except TimeoutError:
                continue

    async def _catch_up(self, owned: Collection[int]) -> None:
        """Archive what was committed and is not in this worker's archive, and write down how far it is complete.

        As long as the group is not rebalanced this worker alone commits, and it archives before it commits. After a
        rebalance others may have committed: the stretch since the last known end is read.
        """
        generation = self._context.generation()
        if generation != self._generation:
            self._generation = generation
            self._caught_up.clear()
        committed = await asyncio.to_thread(self._seeker.committed, owned)
        for partition, end in committed.items():
            if partition not in self._caught_up:
                await self._catch_up_one(partition, end)
            elif self._context.generation() != generation:
                return  # whose commit this is cannot be known
            await asyncio.to_thread(self._archive.mark_end, partition, end)
            self._caught_up.add(partition)

    async def _catch_up_one(self, partition: int, end: int) -> None:
        start = await asyncio.to_thread(self._archive.end, partition)
        if start < end:
            start = max(start, await asyncio.to_thread(self._seeker.first, partition))
            log.info("archive catches up", partition=partition, start=start, end=end)
        index = await self._live.current()
        while start < end:
            step_end = min(start + _CATCH_UP_STEP, end)
            for old, match in await asyncio.to_thread(self._archive_range, index, partition, start, step_end):
                await self._send(old, match, f"{match.case_id}/{match.reference_id}")
            await asyncio.to_thread(self._archive.mark_end, partition, step_end)
            start = step_end
        self._searched[partition] = await asyncio.to_thread(self._archive.searched, partition)

    def _archive_range(self, index: ReferenceIndex, partition: int, start: int, end: int) -> list[tuple[_Old, Match]]:
        """Archive a stretch of the topic; return what of it matches."""
        found = []
        for sought in self._seeker.read(partition, start, end):
            if (old := self._decode(sought)) is not None:
                self._archive.add(Hit(partition, sought.offset), old.descriptors)
                found += [(old, match) for match in index.search(old.descriptors)]
        return found

    async def _search_new(self, index: ReferenceIndex, partitions: Collection[int]) -> None:
        for partition in partitions:
            if gone := self._searched[partition] - index.pieces.keys():
                await asyncio.to_thread(self._archive.forget_searched, partition, gone)
                self._searched[partition] -= gone
        unsearched = {
            token: todo
            for token in index.pieces
            if (todo := {partition for partition in partitions if token not in self._searched[partition]})
        }
        metrics.LATE_SEARCH_WAITING.set(len(unsearched))
        for token, todo in unsearched.items():
            with metrics.LATE_SEARCH_SECONDS.time():
                await self._search(index, token, todo)
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
        old = await asyncio.to_thread(self._fetch, hit)
        if old is None:
            return
        found = await asyncio.to_thread(index.match_one, token, old.descriptors)
        if found is not None:
            await self._send(old, found, token)

    async def _send(self, old: _Old, match: Match, token: str) -> None:
        with trace.span("late", "descriptors", old.headers):
            found = scores(old.descriptors, [match], token)
            await self._context.send("scores", old.descriptors.segment.post.post_id, found)

    def _fetch(self, hit: Hit) -> _Old | None:
        """Return the descriptors of a hit, None once the topic has forgotten them."""
        for sought in self._seeker.read(hit.partition, hit.offset, hit.offset + 1):
            return self._decode(sought)
        return None

    def _decode(self, sought: RangeRecord) -> _Old | None:
        try:
            descriptors = self._context.codec.decode("descriptors", sought.value or b"")
        except WireError:
            return None  # the stage's own guard has made it a dead letter
        assert isinstance(descriptors, Descriptors)
        return _Old(descriptors, sought.headers) if defect(descriptors) is None else None  # likewise
