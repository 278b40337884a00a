"""Cases being opened or extended: described on this machine, shown, and written only when the person says so."""

import asyncio
import secrets
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import structlog

from models.manifest import ModelError
from schemas.messages import Reference
from streams.audit.acting import NOT_GIVEN
from streams.console.uploads import Upload, store_uploads, upload_folder
from streams.desk.case_book import CaseBook
from streams.desk.concerns import Concern
from streams.desk.extend_case import extend_case
from streams.desk.open_case import Ask, NewCase, OpenedCase, Preview, Progress, open_case
from streams.errors import UsageError
from streams.rights.person import Person
from streams.settings import Settings

log = structlog.get_logger()

MAX_AT_ONCE = 2
"""Cases that are described or wait for an answer, additions counted; a further one is refused."""
MAX_KEPT = 20
"""Openings that can be looked at; the oldest finished ones are forgotten."""
PATIENCE_S = 3600.0
"""Longest wait for the person's answer; then nothing is written."""

type OpenCase = Callable[[Settings, NewCase, Progress, Ask, Preview], OpenedCase]
type _Key = tuple[str, str]
"""Account of the person, and id of the opening."""
type Stage = Literal["describing", "asking", "writing", "opened", "dropped", "failed"]


class BusyError(Exception):
    """Too many cases are being opened."""


class DroppedError(Exception):
    """The person does not want the case."""


@dataclass(slots=True)
class Leaving:
    """What leaves this machine when the case is written."""

    frames: int = 0
    sounds: int = 0
    texts: int = 0
    n_bytes: int = 0


@dataclass(slots=True)
class Opening:
    """One case being opened or extended; a thread describes it, the pages show it."""

    opening_id: str
    name: str
    by: Person
    extends: str = ""
    """Open case that files or terms are added to; empty where a case is opened."""
    stage: Stage = "describing"
    progress: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Seconds described and in all, by what is under way."""
    concerns: list[Concern] = field(default_factory=list)
    leaving: Leaving | None = None
    case_id: str = ""
    fault: str = ""
    where: str = ""
    """Folder of the uploads, which no sentence names."""
    _is_closed: bool = False
    _answers: threading.Event = field(default_factory=threading.Event)
    _wanted: bool = False
    _n_asked: int = 0

    def answer(self, *, wanted: bool) -> bool:
        """Go on or stop; False if nothing is asked, as after a double click."""
        if self.stage != "asking" or self._answers.is_set():
            return False
        self._wanted = wanted
        self._answers.set()
        return True

    def show(self, what: str, done: float, total: float) -> None:
        """Take in progress.

        Raises
        ------
        DroppedError
            The console stops.
        """
        if self._is_closed:
            raise DroppedError
        self.progress[self.plain(what)] = done, total

    def plain(self, text: str) -> str:
        """Return a text without the folder of the uploads."""
        return text.replace(self.where, "") if self.where else text

    def close(self) -> None:
        """Stop at the next step; what is being written is written whole."""
        self._is_closed = True
        self._answers.set()

    def preview(self, pieces: Sequence[Reference]) -> None:
        """Take in what would be written."""
        rows = {kind: sum(piece.vectors.rows for piece in pieces if piece.modality == kind) for kind in _KINDS}
        n_bytes = sum(len(piece.vectors.data) + sum(map(len, piece.digests)) for piece in pieces)
        self.leaving = Leaving(rows["visual"], rows["audio"], rows["text"], n_bytes)

    def ask(self, concerns: Sequence[Concern]) -> None:
        """Wait for the person: before the files are described only if something speaks against it, after it always."""
        self._n_asked += 1
        self.concerns += [
            one._replace(values={name: self.plain(text) for name, text in one.values.items()}) for one in concerns
        ]
        if self._n_asked == 1 and not concerns:
            return
        self._answers.clear()
        self.stage = "asking"
        if self._is_closed or not self._answers.wait(PATIENCE_S) or not self._wanted:
            raise DroppedError
        self.stage = "describing" if self._n_asked == 1 else "writing"


_KINDS = ("visual", "audio", "text")


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
