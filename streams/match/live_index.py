"""Live index of all active references, rebuilt and swapped when a case changes."""

import asyncio
from collections import Counter

from schemas.messages import MODALITIES
from streams.cases.open_cases import OpenCases
from streams.match.reference_index import ReferenceIndex
from streams.telemetry import metrics


class LiveIndex:
    """Holder of the newest `ReferenceIndex`; readers take it whole, so a search never runs on half a change."""

    def __init__(self, cases: OpenCases) -> None:
        self._cases = cases
        self._stale = asyncio.Event()
        self._built = asyncio.Event()
        self._index = ReferenceIndex()
        self.swapped = asyncio.Event()
        """Set after each swap, cleared by the waiting task."""
        self.reach = -1
        """Offset in the topic of cases of the newest reference in the index; -1 without one."""
        cases.keep_references()
        cases.listen(self._stale.set)

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
            references = list(self._cases.references())
            self._index = await asyncio.to_thread(ReferenceIndex, references)
            self.reach = max(self.reach, *(_offset(key) for key, _, _ in references), -1)
            del references
            self._update_metrics()
            self._built.set()
            self.swapped.set()

    def _update_metrics(self) -> None:
        metrics.OPEN_CASES.set(self._cases.count())
        pieces = Counter(space[0] for _, _, space, _ in self._index.pieces.values())
        for modality in MODALITIES:
            metrics.REFERENCE_PIECES.labels(modality).set(pieces[modality])


def _offset(key: str) -> int:
    """Return the offset in a key of `OpenCases.references`."""
    return int(key.rpartition("@")[2])
