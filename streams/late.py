"""New cases against old posts: the other half of the join, run beside the match stage's agent.

A reference goes live first and is searched in the archive after, so that no segment falls between the two. What was
searched is remembered per partition only once its scores are delivered: a crash repeats a search and never skips one.

What the archive of this worker lacks, because another worker handled it or the folder was lost, is read from the topic
first. Each such segment is searched in the index too: whoever handled it may have died before its own late search.
"""

import asyncio
from collections.abc import Collection

import structlog

from schemas.codec import WireError
from schemas.messages import Descriptors, Match
from streams.app import Context
from streams.description import fault
from streams.index import Archive, Hit, LiveIndex, ReferenceIndex, scores
from streams.seek import TopicSeeker

log = structlog.get_logger()

_ASSIGNMENT_POLL_S = 1.0
_CATCH_UP_STEP = 500
"""Offsets caught up before the progress is written down."""
_FLOOR = {"visual": 0.4, "audio": 0.3, "text": 0.6}
"""Cosine from which a stored vector is worth aligning; below what the alignment itself asks for."""


class LateSearch:
    """Search each new reference in the archived partitions that this worker owns."""

    def __init__(self, context: Context, archive: Archive, live: LiveIndex) -> None:
        self._context = context
        self._archive = archive
        self._live = live
        self._seeker = TopicSeeker(context.settings, context.physical("descriptors"), context.group)
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
            for descriptors, match in await asyncio.to_thread(self._archive_range, index, partition, start, step_end):
                await self._send(descriptors, match, f"{match.case_id}/{match.reference_id}")
            await asyncio.to_thread(self._archive.mark_end, partition, step_end)
            start = step_end
        self._searched[partition] = await asyncio.to_thread(self._archive.searched, partition)

    def _archive_range(
        self, index: ReferenceIndex, partition: int, start: int, end: int
    ) -> list[tuple[Descriptors, Match]]:
        """Archive a stretch of the topic; return what of it matches."""
        found = []
        for offset, value in self._seeker.read(partition, start, end):
            if (descriptors := self._decode(value)) is not None:
                self._archive.add(Hit(partition, offset), descriptors)
                found += [(descriptors, match) for match in index.search(descriptors)]
        return found

    async def _search_new(self, index: ReferenceIndex, partitions: Collection[int]) -> None:
        for partition in partitions:
            if gone := self._searched[partition] - index.pieces.keys():
                await asyncio.to_thread(self._archive.forget_searched, partition, gone)
                self._searched[partition] -= gone
        for token in index.pieces:
            todo = {partition for partition in partitions if token not in self._searched[partition]}
            if todo:
                await self._search(index, token, todo)

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
        descriptors = await asyncio.to_thread(self._fetch, hit)
        if descriptors is None:
            return
        found = await asyncio.to_thread(index.match_one, token, descriptors)
        if found is not None:
            await self._send(descriptors, found, token)

    async def _send(self, descriptors: Descriptors, match: Match, token: str) -> None:
        await self._context.send("scores", descriptors.segment.post.post_id, scores(descriptors, [match], token))

    def _fetch(self, hit: Hit) -> Descriptors | None:
        """Return the descriptors of a hit, None once the topic has forgotten them."""
        for _, value in self._seeker.read(hit.partition, hit.offset, hit.offset + 1):
            return self._decode(value)
        return None

    def _decode(self, value: bytes | None) -> Descriptors | None:
        try:
            descriptors = self._context.codec.decode("descriptors", value or b"")
        except WireError:
            return None  # the stage's own guard has made it a dead letter
        assert isinstance(descriptors, Descriptors)
        return descriptors if fault(descriptors) is None else None  # likewise
