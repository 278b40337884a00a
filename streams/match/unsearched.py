"""Pieces of references that are still to be searched in the archive; a change costs what it changes."""

import asyncio
from collections import Counter
from collections.abc import Collection
from collections.abc import Set as AbstractSet

from streams.match.live_index import LiveIndex
from streams.match.piece import Name
from streams.match.piece_table import Change
from streams.match.progress import Progress
from streams.match.reference_index import ReferenceIndex


class Unsearched:
    """Tokens of the pieces that are not searched yet, for each partition; on the event loop only.

    Of the searched pieces, of which there are many, only `progress` has the tokens. Always has the pieces of the newest
    live index, so it must listen to it from the start.
    """

    def __init__(self, progress: Progress, live: LiveIndex) -> None:
        self._progress, self._live = progress, live
        self._left: dict[int, set[str]] = {}
        self._references = Counter[Name]()
        self._withdrawn: set[str] | None = None
        live.listen(self._change)

    @property
    def n_references(self) -> int:
        """Number of references that are searched for, or were."""
        return len(self._references)

    async def begin(self, partition: int) -> None:
        """Read which pieces are to be searched in a partition."""
        searched = await asyncio.to_thread(self._progress.searched, partition)
        index, left = None, set[str]()
        while index is not (newest := await self._live.current()):
            index = newest
            left = await asyncio.to_thread(_without, index, searched)
        self._left[partition] = left

    def of(self, partitions: Collection[int]) -> dict[str, set[int]]:
        """Return in which of these partitions, which have begun, each piece is to be searched; without the others."""
        found: dict[str, set[int]] = {}
        for partition in partitions:
            for token in self._left[partition]:
                found.setdefault(token, set()).add(partition)
        return found

    async def mark_searched(self, partitions: Collection[int], token: str) -> None:
        """Store that this piece was searched in these partitions and its scores were delivered."""
        await asyncio.to_thread(self._progress.mark_searched, partitions, token)
        for partition in partitions:
            self._left[partition].discard(token)

    async def erase_withdrawn(self) -> None:
        """Erase what the progress has of pieces that no longer exist, also of before this worker's start."""
        withdrawn, self._withdrawn = self._withdrawn, set()
        if withdrawn is None:
            await asyncio.to_thread(self._progress.keep_searched, (await self._live.current()).pieces.keys())
        elif withdrawn:
            await asyncio.to_thread(self._progress.erase_searched, withdrawn)

    def _change(self, index: ReferenceIndex, change: Change) -> None:
        removed, added = ([piece for piece in some if piece.is_wanted] for some in change)
        self._references.update(piece.reference for piece in added)
        self._references.subtract(piece.reference for piece in removed)
        for name in {piece.reference for piece in removed}:
            if not self._references[name]:
                del self._references[name]
        before = {piece.token for piece in removed}
        new, gone = ({piece.token for piece in added} - before), {one for one in before if one not in index.pieces}
        for left in self._left.values():
            left.difference_update(gone)
            left.update(new)
        if self._withdrawn is not None:
            self._withdrawn |= gone


def _without(index: ReferenceIndex, searched: AbstractSet[str]) -> set[str]:
    return {token for token in index.pieces if token not in searched}
