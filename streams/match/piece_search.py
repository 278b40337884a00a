"""Search of one piece of a reference in the archive, in turns."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from itertools import batched
from typing import NamedTuple

import structlog

from schemas.messages import Reference
from streams.match.archive import Archive, Hit
from streams.match.late_scores import LateScores
from streams.match.live_index import LiveIndex
from streams.match.past_segments import PastSegment, PastSegments

log = structlog.get_logger()

_TURN_S = 10.0
"""Time after which a piece with many hits is paused for other references."""
_MAX_PAUSED = 256
"""Pieces paused at once; beyond it a piece is not paused."""
_BATCH = 32
"""Hits read from their topic at once, about 3 MB; two batches are in memory."""


class _Paused(NamedTuple):
    """Hits of a piece that are not scored yet."""

    partitions: Collection[int]
    hits: list[Hit]


class PieceSearch:
    """Searches of pieces, and the hits of those that were paused."""

    def __init__(self, archive: Archive, live: LiveIndex, past: PastSegments, scores: LateScores) -> None:
        self._archive, self._live, self._past, self._scores = archive, live, past, scores
        self._paused: dict[str, _Paused] = {}

    def n_left(self, token: str) -> int:
        """Return the number of hits left of a paused piece, 0 if it is not paused."""
        return len(self._paused[token].hits) if token in self._paused else 0

    def keep(self, existing: Collection[str]) -> None:
        """Forget the pieces but these."""
        self._paused = {token: paused for token, paused in self._paused.items() if token in existing}

    async def run(self, token: str, partitions: Collection[int]) -> bool:
        """Search a piece and score its hits, until its case is withdrawn or its turn ends.

        Returns whether the piece was searched in full; False if it was paused, or withdrawn meanwhile.
        """
        if (piece := await self._piece(token)) is None:
            self._paused.pop(token, None)
            return False
        until_s = time.monotonic() + _TURN_S
        hits = await self._hits(token, piece, partitions)
        async with aclosing(self._read(hits)) as batches:
            async for past in batches:
                hits = hits[_BATCH:]
                if not await self._score(token, past):
                    return False
                if hits and time.monotonic() > until_s and len(self._paused) < _MAX_PAUSED:
                    self._paused[token] = _Paused(partitions, hits)
                    return False
        return True

    async def _read(self, hits: Sequence[Hit]) -> AsyncGenerator[list[PastSegment]]:
        """Yield the segments of each batch; the next batch is read while the caller compares one."""
        reading = deque[asyncio.Task[list[PastSegment]]]()
        try:
            for batch in batched(hits, _BATCH):
                reading.append(asyncio.create_task(asyncio.to_thread(self._past.at, batch)))
                if len(reading) > 1:
                    yield await reading.popleft()
            while reading:
                yield await reading.popleft()
        finally:
            await asyncio.gather(*reading, return_exceptions=True)

    async def _hits(self, token: str, piece: Reference, partitions: Collection[int]) -> list[Hit]:
        """Return the hits of a piece that are not scored yet, in the order of the topic."""
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
        return sorted(found)

    async def _piece(self, token: str) -> Reference | None:
        found = (await self._live.current()).pieces.get(token)
        return None if found is None else await asyncio.to_thread(found.load)

    async def _score(self, token: str, past: Sequence[PastSegment]) -> bool:
        """Compare segments and deliver their scores together, and return whether the piece still exists."""
        index = await self._live.current()
        if token not in index.pieces:
            return False
        matches = await asyncio.to_thread(lambda: [index.match_one(token, one.descriptors) for one in past])
        if token not in (await self._live.current()).pieces:
            return False
        found = [(one, match) for one, match in zip(past, matches, strict=True) if match is not None]
        await asyncio.gather(*(self._scores.send(one, [match], token) for one, match in found))
        return True
