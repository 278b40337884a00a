"""Acts of a person through the functions of the desk's commands, each on record first, and read back by the store."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from schemas.messages import Case, Label, Verdict
from streams.audit.acting import acting
from streams.cases.labels import label_key, write_label
from streams.console.store.store import FollowedStore
from streams.desk.allowed_post import allow_media
from streams.desk.approve import approve_takedown
from streams.desk.concerns import Concern
from streams.desk.confirm_case import CaseConfirmation, confirm_case
from streams.desk.new_case import NewCase
from streams.desk.open_case import open_case
from streams.desk.reviewing import ReviewRequest, confirm_reference, withdraw_reference
from streams.desk.thumbnail import read_thumbnail
from streams.desk.withdraw_case import withdraw_case
from streams.engine.dead_letter_index import Selection
from streams.engine.redrive import redrive
from streams.errors import UsageError
from streams.rights.check import require
from streams.rights.person import Person
from streams.rights.table import Right
from streams.settings import Settings

PATIENCE_S = 15.0
"""Longest wait of an act for the broker: a person waits for the page."""


class _Act(NamedTuple):
    right: Right
    subject: str
    why: str
    detail: str = ""


class Turns:
    """Locks of a console's acts: one act at a time, so that a double click finds the first one done."""

    def __init__(self) -> None:
        self.act = asyncio.Lock()
        self.pack = asyncio.Lock()
        self.allow = asyncio.Lock()


class Actions:
    """Acts of one person.

    The act is written before anything changes: what is killed half way has been traced. Every one raises `UsageError`
    with one line for the person.

    Parameters
    ----------
    signature
        Pseudonym that signs what leaves; the acts name the person's account.
    turns
        Those of the whole console.
    """

    def __init__(
        self, settings: Settings, store: FollowedStore, person: Person, signature: str, turns: Turns | None = None
    ) -> None:
        patience_s = min(settings.start_grace_s, PATIENCE_S)
        self._settings = settings.model_copy(update={"start_grace_s": patience_s})
        self._store = store
        self._person = person
        self._signature = signature
        self._turns = turns or Turns()

    async def label(self, label: Label) -> None:
        """Write a decision on a post."""
        act = _Act("label", label_key(label.post_id, label.case_id), label.note, label.decision)
        await self._act(act, lambda: write_label(self._settings, label), "labels")

    async def allow(self, label: Label) -> None:
        """Allow the media of a post that is not a copy; opening the allow-list is the act on record."""
        require(self._person, "allow")
        async with self._turns.allow:
            allow = partial(allow_media, self._settings, label.post_id, label.case_id, label.note, self._open_allowed)
            await asyncio.to_thread(allow)
            await self._store.current("cases")

    def _open_allowed(self, new: NewCase) -> None:
        open_case(self._settings, replace(new, opened_by=self._person.name), ask=_refuse_severe)

    async def approve(self, takedown_id: str, why: str) -> None:
        """Approve a takedown."""

        def approve() -> None:
            asyncio.run(approve_takedown(self._settings, takedown_id, self._signature, why))

        await self._act(_Act("send", takedown_id, why), approve, "deliveries")

    async def withdraw(self, case_id: str, why: str) -> int:
        """Put a case out of force by tombstones; return the number of its entries."""
        act = _Act("withdraw", case_id, why)
        return await self._act(act, lambda: withdraw_case(self._settings, case_id), "cases", "standings")

    async def confirm_case(self, case_id: str, why: str) -> None:
        """Confirm a case as its second person."""
        request = CaseConfirmation(case_id, self._person.name, self._signature, why)
        act = _Act("confirm", case_id, why)
        await self._act(act, lambda: confirm_case(self._settings, request), "standings")

    async def confirm_reference(self, case_id: str, reference_id: str, why: str) -> None:
        """Confirm a reference as the victim's."""
        request = ReviewRequest(case_id, reference_id, self._signature, why, self._person.name)
        act = _Act("confirm", f"{case_id}/{reference_id}", why)
        await self._act(act, lambda: confirm_reference(self._settings, request), "standings")

    async def withdraw_reference(self, case_id: str, reference_id: str, why: str) -> None:
        """Erase a reference that is not the victim's."""
        request = ReviewRequest(case_id, reference_id, self._signature, why, self._person.name)
        act = _Act("withdraw", f"{case_id}/{reference_id}", why)
        await self._act(act, lambda: withdraw_reference(self._settings, request), "cases", "standings")

    async def check_links(self, case_id: str, n_addresses: int) -> None:
        """Put on record that addresses are checked for a case; `LinkChecks` does it afterwards."""
        await self._act(_Act("extend", case_id, "", f"{n_addresses} addresses checked"), lambda: None)

    async def redrive(self, letter_id: str) -> str:
        """Put one dead letter back, unless it was before; return what became of it."""
        selection = Selection(ids=frozenset({letter_id}))
        act = _Act("redrive", letter_id, "")
        return str(await self._act(act, lambda: redrive(self._settings, selection), "dead-letters"))

    async def thumbnail(self, verdict: Verdict, number: int, entries: Sequence[Case]) -> bytes | None:
        """Return the blurred JPEG of a piece of a verdict's evidence, None if it has none; each call is on record."""
        act = _Act("review", label_key(verdict.post.post_id, verdict.case_id or ""), "", f"picture {number} shown")
        return await asyncio.to_thread(
            self._on_record, act, lambda: read_thumbnail(self._settings, verdict, number, entries)
        )

    @asynccontextmanager
    async def pack(self, case_id: str) -> AsyncIterator[Path]:
        """Yield a new evidence pack of a case, one at a time; the file is deleted afterwards."""
        from streams.delivery.evidence.make import PackRequest, make_pack  # noqa: PLC0415 - loads PDF and fonts

        async with self._turns.pack:
            with tempfile.TemporaryDirectory(prefix="jikimi-evidence-") as folder:
                out = Path(folder) / f"{case_id}.zip"
                request = PackRequest(case_id, out, ("ko", "en"), thumbnails=False, zone="", pdf_posts=50)
                act = _Act("evidence", case_id, "")
                await asyncio.to_thread(self._on_record, act, lambda: make_pack(self._settings, request))
                yield out

    async def _act[T](self, act: _Act, do: Callable[[], T], *topics: str) -> T:
        async with self._turns.act:
            done = await asyncio.to_thread(self._on_record, act, do)
            await self._store.current(*topics)
        return done

    def _on_record[T](self, act: _Act, do: Callable[[], T]) -> T:
        detail = f"as {self._signature}{f', {act.detail}' if act.detail else ''}"
        with acting(self._settings, self._person, act.right, act.subject, act.why, detail=detail):
            return do()


def _refuse_severe(concerns: Sequence[Concern]) -> None:
    """Refuse severe concerns, as the command does without a terminal: there is no question here."""
    if severe := [concern.text for concern in concerns if concern.is_severe]:
        raise UsageError("; ".join(severe))
