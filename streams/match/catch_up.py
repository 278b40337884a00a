"""Catch-up of the archive with its topic, after another worker had a partition or the folder was lost."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

import structlog

from schemas.messages import Match
from streams.engine.context import Context
from streams.exchange.list_index import ListIndex
from streams.exchange.live_lists import LiveLists
from streams.kafka.range_reader import RangeReader
from streams.match.archive import Archive
from streams.match.late_scores import LateScores
from streams.match.live_index import LiveIndex
from streams.match.past_segments import PastSegment, PastSegments
from streams.match.progress import Progress
from streams.match.reference_index import ReferenceIndex
from streams.match.unsearched import Unsearched

log = structlog.get_logger()

_STEP = 500
"""Offsets archived between two checkpoints."""


class CatchUp:
    """Archives the committed records that this worker's archive lacks, and stores the end of each partition.

    Each record is also searched in the live index and in the lists: the worker that processed it may have died before
    its own late search.
    """

    def __init__(
        self,
        context: Context,
        archive: Archive,
        progress: Progress,
        live: LiveIndex,
        scores: LateScores,
        *,
        unsearched: Unsearched,
        reader: RangeReader,
        lists: LiveLists | None,
    ) -> None:
        self._context, self._archive, self._progress, self._live = context, archive, progress, live
        self._reader, self._past, self._scores = reader, PastSegments(reader, context.codec), scores
        self._lists, self._unsearched = lists, unsearched
        self._generation = context.generation()
        self._ends: dict[int, int] = {}
        self.done: set[int] = set()
        """Partitions that are archived to their end."""

    async def run(self, owned: Collection[int]) -> None:
        """Bring these partitions up to date.

        Without a rebalance only this worker commits, and it archives before it commits. After a rebalance other workers
        may have committed: the records since the last stored end are read.
        """
        generation = self._context.generation()
        if generation != self._generation:
            self._generation = generation
            self.done.clear()
        committed = await asyncio.to_thread(self._reader.committed, owned)
        for partition, end in committed.items():
            if partition not in self.done:
                await self._read(partition, end)
            elif self._context.generation() != generation:
                return  # a rebalance has begun: another worker may have committed this
        await self._mark_ends(committed)
        self.done |= committed.keys()

    async def _read(self, partition: int, end: int) -> None:
        start = await asyncio.to_thread(self._progress.end, partition)
        if start < end:
            start = max(start, await asyncio.to_thread(self._reader.first, partition))
            log.info("archive catches up", partition=partition, start=start, end=end)
        while start < end:
            step_end = min(start + _STEP, end)
            indexes: list[ReferenceIndex | ListIndex] = [await self._live.current()]
            if self._lists is not None:
                indexes.append(await self._lists.index())
            found = await asyncio.to_thread(self._archived, indexes, partition, start, step_end)
            del indexes
            for past, match in found:
                await self._scores.send(past, [match], f"{match.case_id}/{match.reference_id}")
            await self._mark_ends({partition: step_end})
            await asyncio.to_thread(self._archive.compact)
            start = step_end
        await self._unsearched.begin(partition)

    async def _mark_ends(self, ends: Mapping[int, int]) -> None:
        """Store those that have changed: this is called each second, and nothing may have come."""
        if changed := {partition: end for partition, end in ends.items() if self._ends.get(partition) != end}:
            await asyncio.to_thread(self._archive.sync)
            await asyncio.to_thread(self._progress.mark_ends, changed)
            self._ends |= changed

    def _archived(
        self, indexes: Sequence[ReferenceIndex | ListIndex], partition: int, start: int, end: int
    ) -> list[tuple[PastSegment, Match]]:
        """Archive a range of the topic and return its matches."""
        found = []
        for hit, past in self._past.between(partition, start, end):
            self._archive.add(hit, past.descriptors)
            found += [(past, match) for index in indexes for match in index.search(past.descriptors)]
        return found
