"""Live index of all active references, swapped for one with the changes when a case changes."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from schemas.messages import MODALITIES
from streams.cases.open_cases import OpenCases
from streams.match.piece_table import Change, PieceTable
from streams.match.reference_index import ReferenceIndex
from streams.telemetry import metrics


class LiveIndex:
    """Holder of the newest `ReferenceIndex`; readers take it whole, so a search never runs on half a change.

    Parameters
    ----------
    folder
        Folder for the references' vectors; None keeps them in memory.
    """

    def __init__(self, cases: OpenCases, folder: Path | None = None) -> None:
        self._cases = cases
        self._table = PieceTable(folder)
        self._stale = asyncio.Event()
        self._built = asyncio.Event()
        self._index = ReferenceIndex()
        self._listeners: list[Callable[[ReferenceIndex, Change], None]] = []
        self.swapped = asyncio.Event()
        """Set after each swap, cleared by the waiting task."""
        self.reach = -1
        """Offset in the topic of cases of the newest reference in the index; -1 without one."""
        cases.keep_references(self._table)
        cases.listen(self._stale.set)

    def listen(self, listener: Callable[[ReferenceIndex, Change], None]) -> None:
        """Call this with each new index and what has changed, in the step in which it is swapped."""
        self._listeners.append(listener)

    async def current(self) -> ReferenceIndex:
        """Return the newest index; the first call waits until the cases have been read."""
        await self._built.wait()
        return self._index

    async def run(self) -> None:
        """Keep the index up to date until cancelled."""
        await self._cases.start()
        self._stale.set()
        while True:
            await self._stale.wait()
            self._stale.clear()
            reach = self._table.reach
            change = self._table.change()
            self._index = await asyncio.to_thread(self._index.changed, *change)
            self.reach = reach
            for listener in self._listeners:
                listener(self._index, change)
            del change  # a withdrawn piece must not stay in memory
            self._update_metrics()
            self._built.set()
            self.swapped.set()

    def _update_metrics(self) -> None:
        metrics.OPEN_CASES.set(self._cases.count())
        for modality in MODALITIES:
            metrics.REFERENCE_PIECES.labels(modality).set(self._index.n_pieces[modality])
