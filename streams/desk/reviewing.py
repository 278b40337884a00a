"""Review of references: a person confirms or withdraws one after a flood or a mistake."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from schemas.messages import Case, Standing, StandingKind, Takedown
from streams.cases.entries import read_cases, references_of
from streams.cases.reference_reviews import TOPIC, read_reviews, standing_key
from streams.desk.erasure.entries import Entries, find_entries
from streams.desk.erasure.erase import erase, write_tombstones
from streams.desk.erasure.proof import Proof
from streams.desk.erasure.steps import Show
from streams.desk.erasure.subject import Subject
from streams.desk.local_time import LocalTime
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.settings import Settings
from streams.takedown.log import read_takedowns


class ReviewRequest(NamedTuple):
    """Request of a person to confirm or withdraw a reference, with the reason."""

    case_id: str
    reference_id: str
    by: str
    why: str
    account: str = ""


class QuarantinedReference(NamedTuple):
    """A reference under quarantine."""

    case_id: str
    reference_id: str
    since: datetime
    held: int
    """Number of takedowns held for it."""


def confirm_reference(settings: Settings, request: ReviewRequest) -> None:
    """Exempt a reference from the rate limit; takedowns held for it are issued.

    Raises
    ------
    UsageError
        No open case has this reference, or it was withdrawn.
    """
    cases, reviews = asyncio.run(_read(settings))
    if any(entry.benign for entry in cases.get(request.case_id, [])):
        raise UsageError(f"{request.case_id} is an allow-list: it has no takedowns")
    if not _has_reference(cases, request):
        raise UsageError(_refusal(request, reviews))
    with writing(settings) as writer:
        writer.write(TOPIC, standing_key(request.case_id, request.reference_id), _review(request, "confirmed"))


def withdraw_reference(settings: Settings, request: ReviewRequest) -> int:
    """Erase a reference and return the number of erased entries; takedowns that rest on it alone are withdrawn.

    It can be repeated, also after a crash.

    Raises
    ------
    UsageError
        No open case has or had this reference.
    """
    entries = _review_withdrawn(settings, request)
    with writing(settings) as writer:
        return write_tombstones(writer, entries)


def erase_reference(settings: Settings, request: ReviewRequest, *, wait_s: float, show: Show) -> Proof:
    """Withdraw a reference, have the broker compact it away, and return the proof; raises as `withdraw_reference`."""
    entries = _review_withdrawn(settings, request)
    subject = Subject(request.case_id, request.reference_id)
    return erase(settings, subject, entries, wait_s=wait_s, show=show, by=request.by, why=request.why)


def _review_withdrawn(settings: Settings, request: ReviewRequest) -> Entries:
    """Write the review, which verdicts in flight must find, and return the entries to erase."""
    cases, reviews = asyncio.run(_read(settings))
    key = standing_key(request.case_id, request.reference_id)
    if not _has_reference(cases, request) and key not in reviews:
        raise UsageError(_refusal(request, reviews))
    with writing(settings) as writer:
        writer.write(TOPIC, key, _review(request, "withdrawn"))
    return find_entries(settings, Subject(request.case_id, request.reference_id))


async def read_quarantined(settings: Settings) -> list[QuarantinedReference]:
    """Return the references of open cases that are under quarantine, those with most takedowns held first."""
    cases, reviews = await _read(settings)
    quarantined = quarantined_references(await read_takedowns(settings), reviews)
    return [reference for reference in quarantined if reference.case_id in cases]


def quarantined_references(events: Iterable[Takedown], reviews: Mapping[str, Standing]) -> list[QuarantinedReference]:
    """Return the references without a review for which takedowns were held.

    Parameters
    ----------
    events
        The takedowns topic, in order.
    """
    since: dict[tuple[str, str], datetime] = {}
    last: dict[str, Takedown] = {}
    for event in events:
        last[event.takedown_id] = event
        for reference_id in _references_of(event):
            since.setdefault((event.case_id, reference_id), event.at)
    held = defaultdict[tuple[str, str], int](int)
    for event in last.values():
        for reference_id in _references_of(event) if event.state == "held" else ():
            held[event.case_id, reference_id] += 1
    open_since = {ids: at for ids, at in since.items() if standing_key(*ids) not in reviews}
    found = [QuarantinedReference(*ids, at, held[ids]) for ids, at in open_since.items()]
    return sorted(found, key=lambda reference: reference.held, reverse=True)


def _references_of(event: Takedown) -> list[str]:
    """Return the references for which a takedown is held; the case itself is none."""
    return [one for one in event.held_for if one != event.case_id]


def print_quarantined(settings: Settings, console: Console, only: Collection[str] | None = None) -> None:
    """Print one line per reference under quarantine, of all cases or some."""
    table, zone = Table("case", "reference", "since", "takedowns held", box=None), LocalTime(settings)
    for reference in asyncio.run(read_quarantined(settings)):
        if only is not None and reference.case_id not in only:
            continue
        since = zone.second(reference.since)
        table.add_row(reference.case_id, reference.reference_id, since, str(reference.held))
    console.print(table)


async def _read(settings: Settings) -> tuple[dict[str, list[Case]], dict[str, Standing]]:
    return await read_cases(settings), await read_reviews(settings)


def _has_reference(cases: Mapping[str, Sequence[Case]], request: ReviewRequest) -> bool:
    pieces = references_of(cases.get(request.case_id, []))
    return request.reference_id in {piece.reference_id for piece in pieces}


def _refusal(request: ReviewRequest, reviews: Mapping[str, Standing]) -> str:
    case_id, reference_id = request.case_id, request.reference_id
    review = reviews.get(standing_key(case_id, reference_id))
    if review is not None and review.standing == "withdrawn":
        return f"{reference_id} was withdrawn by {review.by}: to search for its file again, `jikimi case add` it"
    return f"no reference {reference_id} in {case_id}: `jikimi case show {case_id}` lists its references"


def _review(request: ReviewRequest, kind: StandingKind) -> Standing:
    return Standing(
        case_id=request.case_id,
        reference_id=request.reference_id,
        standing=kind,
        why=request.why,
        by=request.by,
        at=datetime.now(UTC),
        account=request.account,
    )
