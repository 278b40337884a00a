"""Erasures of withdrawn cases, run in the background one after the other, whatever pages are open."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import structlog

from streams.desk.erasure.noted import MAX_NOTES, ErasureBook, ErasureNote, erase_noted
from streams.desk.erasure.proof import Proof
from streams.desk.erasure.steps import Show, Step
from streams.errors import UsageError
from streams.rights.person import Person
from streams.settings import Settings

log = structlog.get_logger()

MAX_WAITING = 20
"""Erasures under way or waiting for their turn; a further one is left to be continued by a person."""
WAIT_S = 300.0
"""How long the broker may take to compact what was erased."""

type EraseNoted = Callable[[Settings, ErasureNote, Person, float, Show], ErasureNote]


class StoppedError(Exception):
    """The console stops."""


@dataclass(slots=True)
class Running:
    """An erasure that is under way, or waits for its turn."""

    step: Step | None = None
    """None while it waits."""


class Erasures:
    """Erasures that this machine has begun, by their notes: on the disk, and `MAX_NOTES` of them in memory.

    Parameters
    ----------
    erase_one
        Erases a case and writes its proof; `erase_noted` of the desk.
    """

    def __init__(self, settings: Settings, erase_one: EraseNoted = erase_noted) -> None:
        self._settings = settings
        self._erase_one = erase_one
        self._book = ErasureBook(settings)
        self._notes = {note.case_id: note for note in reversed(self._book.notes())}
        self._faults: dict[str, str] = {}
        self._running: dict[str, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="erasure")
        self._is_stopping = False

    def notes(self) -> list[ErasureNote]:
        """Return the notes, the newest first."""
        return sorted(self._notes.values(), key=lambda note: note.began_at, reverse=True)

    def find(self, case_id: str) -> ErasureNote | None:
        """Return the note of a case, None if no erasure of it was begun here."""
        return self._notes.get(case_id)

    def running(self, case_id: str) -> Running | None:
        """Return what is under way for a case, None if nothing is."""
        return self._running.get(case_id)

    def fault(self, case_id: str) -> str:
        """Return why the last erasure of a case ended without a proof; empty if it did not."""
        return self._faults.get(case_id, "")

    def proof(self, case_id: str) -> Proof | None:
        """Return the last proof of a case."""
        return self._book.proof(case_id)

    def note(self, case_id: str, name: str, opened_by: str, by: str, why: str) -> ErasureNote:
        """Note an erasure before anything is erased.

        Raises
        ------
        OSError
            The disk is full.
        """
        made = ErasureNote(
            case_id=case_id, name=name, opened_by=opened_by, by=by, why=why, began_at=datetime.now(UTC)
        )  # fmt: skip
        self.put(made)
        self._forget()
        return made

    def proof_file(self, case_id: str) -> Path:
        """Return the file of a case's last proof, which exists once there is one."""
        return self._book.proof_file(case_id)

    def put(self, note: ErasureNote) -> None:
        """Replace the note of a case; raises as `note` does."""
        self._book.write(note)
        self._notes[note.case_id] = note

    def begin(self, note: ErasureNote, n_erased: int, person: Person) -> bool:
        """Begin an erasure, or continue one that was interrupted; False if that is under way, or too many are.

        Parameters
        ----------
        n_erased
            Entries that were erased beforehand.
        """
        if note.case_id in self._running or len(self._running) >= MAX_WAITING:
            return False
        self._running[note.case_id] = running = Running()
        begun = msgspec.structs.replace(note, erased=n_erased, ended_at=None)
        task = asyncio.create_task(self._run(begun, person, running))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def stop(self) -> None:
        """Stop at the next step; what was not proved can be continued."""
        self._is_stopping = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, note: ErasureNote, person: Person, running: Running) -> None:
        def show(step: Step) -> None:
            if self._is_stopping:
                raise StoppedError
            running.step = step

        case_id = note.case_id
        try:
            self.put(note)
            erase = partial(self._erase_one, self._settings, note, person, WAIT_S, show)
            self._notes[case_id] = await asyncio.get_running_loop().run_in_executor(self._pool, erase)
            self._faults.pop(case_id, None)
        except (UsageError, OSError) as error:
            self._faults[case_id] = str(error)
        except Exception as error:
            log.exception("erasure not finished", case=case_id)
            self._faults[case_id] = type(error).__name__
        finally:
            del self._running[case_id]

    def _forget(self) -> None:
        finished = [note for note in reversed(self.notes()) if note.ended_at is not None and note.is_clean]
        old = finished[: max(0, len(self._notes) - MAX_NOTES)]
        self._book.delete(old)
        for note in old:
            del self._notes[note.case_id]
