"""Cases being opened or extended: described by a thread on this machine, and written when the person says so."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import structlog

from models.manifest import ModelError
from streams.audit.acting import NOT_GIVEN
from streams.console.opening import DroppedError, Opening
from streams.console.uploads import Upload, store_uploads, upload_folder
from streams.describe.file_kinds import NoMediumError
from streams.desk.case_book import CaseBook
from streams.desk.extend_case import extend_case
from streams.desk.new_case import Ask, NewCase, OpenedCase, Preview, Progress
from streams.desk.open_case import open_case
from streams.errors import UsageError
from streams.rights.person import Person
from streams.settings import Settings

log = structlog.get_logger()

MAX_AT_ONCE = 2
"""Cases that are described or wait for an answer, additions counted; a further one is refused."""
MAX_KEPT = 20
"""Openings that can be looked at; the oldest finished ones are forgotten."""

type OpenCase = Callable[[Settings, NewCase, Progress, Ask, Preview], OpenedCase]
type _Key = tuple[str, str]
"""Account of the person, and id of the opening."""


class BusyError(Exception):
    """Too many cases are being opened."""


class Openings:
    """Cases being opened on this machine.

    Parameters
    ----------
    written
        Called after a case is written, before its page is shown.
    open_one, extend_one
        Opens a case, or extends an open one; `open_case` and `extend_case` of the desk.
    """

    def __init__(
        self,
        settings: Settings,
        written: Callable[[], Awaitable[None]],
        open_one: OpenCase = open_case,
        extend_one: OpenCase = extend_case,
    ) -> None:
        self._settings = settings
        self._open_one, self._extend_one = open_one, extend_one
        self._written = written
        self._pool = ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="opening")
        self._known: dict[_Key, Opening] = {}
        self._tasks: dict[_Key, asyncio.Task[None]] = {}

    def find(self, opening_id: str, by: Person) -> Opening | None:
        """Return an opening of a person, None if there is none."""
        return self._known.get((by.name, opening_id))

    def running(self, by: Person) -> list[Opening]:
        """Return those of a person that are not finished."""
        return [self._known[key] for key in self._tasks if key[0] == by.name]

    async def begin(self, draft: str, new: NewCase, uploads: Sequence[Upload], by: Person) -> Opening:
        """Begin to describe a case; a repeated form, with the same draft, begins nothing.

        Raises
        ------
        BusyError
            Too many are under way.
        OSError
            The disk is full.
        """
        key = by.name, draft
        if (known := self._known.get(key)) is not None:
            return known
        if len(self._tasks) >= MAX_AT_ONCE:
            raise BusyError
        opening = self._known[key] = Opening(draft, new.name, by, new.case_id or "")
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks[key] = asyncio.create_task(self._run(opening, new, uploads, stored))
        self._forget()
        try:
            await asyncio.shield(stored)
        except OSError:
            del self._known[key]
            raise
        return opening

    async def stop(self) -> None:
        """Drop what waits for an answer and end; what is being written is written whole."""
        for key in self._tasks:
            self._known[key].close()
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(
        self, opening: Opening, new: NewCase, uploads: Sequence[Upload], stored: "asyncio.Future[None]"
    ) -> None:
        try:
            with upload_folder(self._settings) as folder:
                try:
                    files = await store_uploads(folder, uploads)
                except OSError as error:
                    stored.set_exception(error)
                    return
                stored.set_result(None)
                opening.where = f"{folder}/"
                await self._open(opening, new, files)
        finally:
            del self._tasks[opening.by.name, opening.opening_id]

    async def _open(self, opening: Opening, new: NewCase, files: list[Path]) -> None:
        loop = asyncio.get_running_loop()
        try:
            with_files = replace(
                new,
                references=files,
                four_eyes=self._settings.four_eyes,
                opened_by=opening.by.name,
                why=new.why or NOT_GIVEN,
            )
            hooks = (opening.show, opening.ask, opening.preview)
            write = self._extend_one if opening.extends else self._open_one
            opened = await loop.run_in_executor(self._pool, write, self._settings, with_files, *hooks)
            _note(self._settings, opened)
            await self._written()
            opening.case_id, opening.stage = opened.case_id, "opened"
        except DroppedError:
            opening.stage = "dropped"
        except (UsageError, ModelError) as error:
            opening.no_medium = error.file.name if isinstance(error, NoMediumError) else ""
            opening.fault, opening.stage = opening.plain(str(error)), "failed"
        except Exception as error:
            log.exception("case not opened")
            opening.fault, opening.stage = type(error).__name__, "failed"

    def _forget(self) -> None:
        finished = [known for known in self._known if known not in self._tasks]
        for key in finished[: max(0, len(self._known) - MAX_KEPT)]:
            del self._known[key]


def new_draft() -> str:
    """Return an id for a form, so that the form counts once."""
    return secrets.token_urlsafe(12)


def _note(settings: Settings, opened: OpenedCase) -> None:
    try:
        CaseBook(settings).add_files(*opened)
    except OSError as error:
        log.warning("names of files not kept", error=type(error).__name__)
