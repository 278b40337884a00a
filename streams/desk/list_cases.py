"""`jikimi case list`: cases with the counts of their hits."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from models.text.terms import n_terms
from schemas.messages import Case, Delivery, State, Takedown
from streams.cases.entries import read_cases, references_of
from streams.cases.reference_reviews import read_reviews
from streams.desk.case_book import CaseBook
from streams.desk.confirm_case import waits
from streams.desk.local_time import LocalTime
from streams.desk.print_report import printable
from streams.desk.waiting_reviews import acted_on, read_waiting
from streams.kafka.messages import each_message
from streams.settings import Settings
from streams.takedown.life import OPEN, PENDING

_HEAD = ("case", "name", "opened", "kind", "references", "terms", "hits", "to review", "open", "overdue")


@dataclass
class Counts:
    """Counts of one case's hits."""

    hits: int = 0
    to_review: int = 0
    n_open: int = 0
    overdue: int = 0
    withdrawn_at: datetime | None = None
    """Time of the last takedown that was withdrawn."""


@dataclass
class HitCounter:
    """Last state of every takedown: about 300 bytes each."""

    states: dict[str, tuple[str, State]] = field(default_factory=dict)
    due: dict[str, datetime] = field(default_factory=dict)
    withdrawn: dict[str, datetime] = field(default_factory=dict)

    def event(self, event: Takedown) -> None:
        """Apply an event of a takedown."""
        self.states[event.takedown_id] = event.case_id, event.state
        if event.state == "withdrawn":
            self.withdrawn[event.case_id] = event.at

    def step(self, step: Delivery) -> None:
        """Apply a step of a delivery."""
        if step.due_at is not None:
            self.due[step.takedown_id] = step.due_at

    def counts(self, now: datetime) -> dict[str, Counts]:
        """Return the counts of each case that has takedowns."""
        found: dict[str, Counts] = {}
        for takedown_id, (case_id, state) in self.states.items():
            of_case = found.setdefault(case_id, Counts(withdrawn_at=self.withdrawn.get(case_id)))
            of_case.hits += 1
            of_case.n_open += state in OPEN
            due_at = self.due.get(takedown_id)
            of_case.overdue += due_at is not None and due_at < now and state in PENDING
        return found


async def print_cases(
    settings: Settings,
    write: Callable[[str], object],
    *,
    with_withdrawn: bool = False,
    only: Collection[str] | None = None,
) -> None:
    """Write a line for each open case or allow-list, of all or some, and for each withdrawn case if asked."""
    cases = await read_cases(settings)
    reviews = await read_reviews(settings)
    counts = await _read_counts(settings)
    zone = LocalTime(settings)
    rows = [
        _row(entries, counts.get(case_id, Counts()), zone, waits=waits(settings, entries, reviews))
        for case_id, entries in sorted(cases.items())
        if only is None or case_id in only
    ]
    if with_withdrawn and only is None:  # a withdrawn case has no opener any more
        rows += _withdrawn_rows(CaseBook(settings), cases, counts, zone)
    for line in aligned([_HEAD, *rows]):
        write(line)


async def _read_counts(settings: Settings) -> dict[str, Counts]:
    waiting, counter = await read_waiting(settings), HitCounter()

    def apply(event: Takedown) -> None:
        counter.event(event)
        acted_on(waiting, event)

    await each_message(settings, "takedowns", Takedown, apply)
    if counter.states:
        await each_message(settings, "deliveries", Delivery, counter.step)
    counts = counter.counts(datetime.now(UTC))
    for verdict in waiting.values():
        counts.setdefault(verdict.case_id or "", Counts()).to_review += 1
    return counts


def _row(entries: Sequence[Case], counts: Counts, zone: LocalTime, *, waits: bool) -> tuple[str, ...]:
    case, pieces = entries[0], references_of(entries)
    n_references = len({piece.reference_id for piece in pieces if piece.modality != "text"})
    terms = n_terms(digest for piece in pieces if piece.modality == "text" for digest in piece.digests)
    kind = "allowed" if case.benign else case.kind.replace("_", " ") + (", minor" if case.minor else "")
    kind += ", waits for a second person" if waits else ""
    numbers = (n_references, terms, counts.hits, counts.to_review, counts.n_open, counts.overdue)
    return case.case_id, printable(case.name), zone.minute(case.opened_at), kind, *map(str, numbers)


def _withdrawn_rows(
    book: CaseBook, cases: Mapping[str, object], counts: Mapping[str, Counts], zone: LocalTime
) -> Iterator[tuple[str, ...]]:
    """Yield the withdrawn cases that have takedowns, or a note on this machine."""
    notes = {note.case_id: note for note in book.withdrawn()}
    for case_id in sorted((notes.keys() | counts.keys()) - cases.keys() - {""}):
        note, of_case = notes.get(case_id), counts.get(case_id, Counts())
        name, opened = (printable(note.name), zone.minute(note.opened_at)) if note else ("?", "?")
        at = (note.withdrawn_at if note else None) or of_case.withdrawn_at
        kind = f"withdrawn {zone.minute(at)}" if at else "withdrawn"
        numbers = (of_case.hits, 0, of_case.n_open, of_case.overdue)
        yield case_id, name, opened, kind, "-", "-", *map(str, numbers)


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines with columns of equal width; nothing is cut."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
