"""`jikimi case withdraw`: a case erased, with what a person sees before and the proof after.

What is in force is erased by tombstones, and workers drop it when they read them; `streams.desk.erasure` does the rest.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from schemas.messages import Label, State, Takedown
from streams.desk.case_book import CaseBook
from streams.desk.erasure.entries import Entries, find_entries
from streams.desk.erasure.erase import erase, write_tombstones
from streams.desk.erasure.proof import Proof
from streams.desk.erasure.steps import Show
from streams.desk.erasure.subject import Subject
from streams.errors import UsageError
from streams.exchange.tmk_store import erase_tmk
from streams.kafka.messages import each_message
from streams.kafka.producer import writing
from streams.settings import Settings
from streams.takedown.life import PENDING


@dataclass
class Withdrawal:
    """What a withdrawal of a case erases, and what it ends."""

    case_id: str
    entries: Entries
    states: dict[str, State] = field(default_factory=dict)
    """Last state of each takedown."""
    labels: int = 0
    files: int = 0
    """Names of files on this machine."""

    @property
    def takedowns(self) -> Counter[State]:
        """Number of takedowns in each state."""
        return Counter(self.states.values())

    @property
    def pending(self) -> int:
        """Number of takedowns that request a removal."""
        return sum(n for state, n in self.takedowns.items() if state in PENDING)


def plan_withdrawal(settings: Settings, case_id: str) -> Withdrawal:
    """Return what there is of a case; one that was withdrawn before can be erased again, after a kill or a refusal.

    Raises
    ------
    UsageError
        There is and was no such case, or the broker does not answer.
    """
    found = Withdrawal(case_id, find_entries(settings, Subject(case_id)))
    note = CaseBook(settings).find(case_id)
    found.files = len(note.files) if note is not None else 0
    asyncio.run(_read_kept(settings, found))
    was_withdrawn = note is not None and note.withdrawn_at is not None
    if not (any(topic.first_key for topic in found.entries.topics) or found.states or was_withdrawn):
        raise UsageError(f"no case {case_id}: `jikimi case list` shows the open ones")
    return found


def erase_case(
    settings: Settings, found: Withdrawal, *, wait_s: float, show: Show, by: str = "", why: str = ""
) -> Proof:
    """Erase a case and return the proof; raises as `erase` does."""
    proof = erase(settings, Subject(found.case_id), found.entries, wait_s=wait_s, show=show, by=by, why=why)
    _forget_files(settings, found.case_id)
    return proof


def withdraw_case(settings: Settings, case_id: str) -> int:
    """Write the tombstones alone and return their number in `cases`: matchers drop it, pending takedowns are withdrawn.

    Raises
    ------
    UsageError
        There is no such case.
    """
    entries = find_entries(settings, Subject(case_id))
    with writing(settings) as writer:
        if not (n_erased := write_tombstones(writer, entries)):
            raise UsageError(f"no case {case_id}: `jikimi case list` shows the open ones")
    _forget_files(settings, case_id)
    return n_erased


def write_proof(proof: Proof, file: Path) -> None:
    """Write a proof as JSON; raises a `UsageError` where the file cannot be written."""
    try:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(proof), indent=2) + b"\n")
    except OSError as error:
        raise UsageError(f"the proof cannot be written to {file}: {error.strerror}") from error


async def _read_kept(settings: Settings, found: Withdrawal) -> None:
    """Count the takedowns and labels of the case."""

    def event(event: Takedown) -> None:
        if event.case_id == found.case_id:
            found.states[event.takedown_id] = event.state

    def label(label: Label) -> None:
        found.labels += label.case_id == found.case_id

    await each_message(settings, "takedowns", Takedown, event, found.case_id)
    await each_message(settings, "labels", Label, label, found.case_id)


def _forget_files(settings: Settings, case_id: str) -> None:
    erase_tmk(settings, case_id)
    with suppress(OSError):  # a note that cannot be changed has no names that others could read
        CaseBook(settings).withdraw(case_id, datetime.now(UTC))
