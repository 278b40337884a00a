"""Acts of a person through the functions of the desk's commands, each followed by a read barrier on the store."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from schemas.messages import Label
from streams.cases.labels import write_label
from streams.console.store.store import FollowedStore
from streams.desk.approve import approve_takedown
from streams.desk.reviewing import ReviewRequest, confirm_reference, withdraw_reference
from streams.desk.withdraw_case import withdraw_case
from streams.engine.dead_letter_index import Selection
from streams.engine.redrive import redrive
from streams.settings import Settings

PATIENCE_S = 15.0
"""Longest wait of an act for the broker: a person waits for the page."""


class Actions:
    """Acts, one at a time, so that a double click finds the first one done.

    Every one raises `UsageError` with one line for the person.
    """

    def __init__(self, settings: Settings, store: FollowedStore, person: str) -> None:
        patience_s = min(settings.start_grace_s, PATIENCE_S)
        self._settings = settings.model_copy(update={"start_grace_s": patience_s})
        self._store = store
        self._person = person
        self._lock = asyncio.Lock()
        self._packing = asyncio.Lock()

    async def label(self, label: Label) -> None:
        """Write a decision on a post."""
        await self._act(lambda: write_label(self._settings, label), "labels")

    async def approve(self, takedown_id: str, why: str) -> None:
        """Approve a takedown."""
        await self._act(
            lambda: asyncio.run(approve_takedown(self._settings, takedown_id, self._person, why)), "deliveries"
        )

    async def withdraw(self, case_id: str) -> int:
        """Erase a case; return the number of its entries."""
        return await self._act(lambda: withdraw_case(self._settings, case_id), "cases", "standings")

    async def confirm_reference(self, case_id: str, reference_id: str, why: str) -> None:
        """Confirm a reference as the victim's."""
        request = ReviewRequest(case_id, reference_id, self._person, why)
        await self._act(lambda: confirm_reference(self._settings, request), "standings")

    async def withdraw_reference(self, case_id: str, reference_id: str, why: str) -> None:
        """Erase a reference that is not the victim's."""
        request = ReviewRequest(case_id, reference_id, self._person, why)
        await self._act(lambda: withdraw_reference(self._settings, request), "cases", "standings")

    async def redrive(self, letter_id: str) -> str:
        """Put one dead letter back, unless it was before; return what became of it."""
        selection = Selection(ids=frozenset({letter_id}))
        return str(await self._act(lambda: redrive(self._settings, selection), "dead-letters"))

    @asynccontextmanager
    async def pack(self, case_id: str) -> AsyncIterator[Path]:
        """Yield a new evidence pack of a case, one at a time; the file is deleted afterwards."""
        from streams.delivery.evidence.make import PackRequest, make_pack  # noqa: PLC0415 - loads PDF and fonts

        async with self._packing:
            with tempfile.TemporaryDirectory(prefix="jikimi-evidence-") as folder:
                out = Path(folder) / f"{case_id}.zip"
                request = PackRequest(case_id, out, ("ko", "en"), thumbnails=False, zone="", pdf_posts=50)
                await asyncio.to_thread(make_pack, self._settings, request)
                yield out

    async def _act[T](self, act: Callable[[], T], *topics: str) -> T:
        async with self._lock:
            done = await asyncio.to_thread(act)
            await self._store.current(*topics)
        return done
