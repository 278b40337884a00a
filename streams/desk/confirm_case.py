"""`jikimi case confirm CASE`: confirmation of a case by a second person."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from schemas.messages import Case, Standing
from streams.cases.entries import read_case, read_cases, references_of
from streams.cases.four_eyes import confirmation_of, is_second_person, unconfirmed
from streams.cases.reference_reviews import TOPIC, read_reviews, standing_key
from streams.desk.own_cases import opener
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.settings import Settings

_MAX_REFERENCES = 20_000
"""Most references that one record of a confirmation can name."""


class CaseConfirmation(NamedTuple):
    """Confirmation of a case by a person."""

    case_id: str
    account: str
    """Who the person is."""
    by: str
    """Pseudonym."""
    why: str


def confirm_case(settings: Settings, request: CaseConfirmation) -> None:
    """Confirm a case with the references that it has now; takedowns held for it are issued.

    Raises
    ------
    UsageError
        There is no such case, it is an allow-list or has too many references, or the person opened it.
    """
    entries = asyncio.run(read_case(settings, request.case_id))
    if any(entry.benign for entry in entries):
        raise UsageError(f"{request.case_id} is an allow-list: it has no takedowns")
    if not is_second_person(opener(entries), request.account):
        raise UsageError(f"{request.account} opened {request.case_id}: another person confirms it, by another account")
    references = reference_ids(entries)
    if len(references) > _MAX_REFERENCES:
        raise UsageError(f"{request.case_id} has more than {_MAX_REFERENCES} references: open it as several cases")
    with writing(settings) as writer:
        writer.write(TOPIC, standing_key(request.case_id), _standing(request, references))


def reference_ids(entries: Sequence[Case]) -> list[str]:
    """Return the ids of a case's references, sorted."""
    return sorted({piece.reference_id for piece in references_of(entries)})


def waits(settings: Settings, entries: Sequence[Case], reviews: Mapping[str, Standing]) -> bool:
    """Return whether takedowns of a case, or of some of its references, are held until a second person confirms it."""
    policy = next((entry.policy for entry in entries if entry.policy is not None), None)
    if policy is None or not (settings.four_eyes or policy.four_eyes):
        return False
    confirmation = confirmation_of(reviews.get(standing_key(entries[0].case_id)))
    return bool(unconfirmed(opener(entries), confirmation, reference_ids(entries)))


def waiting_without_opener(settings: Settings) -> list[Case]:
    """Return one entry of every case that waits and whose opener is not known: those from before there were openers."""
    cases, reviews = asyncio.run(_read(settings))
    waiting = (entries for entries in cases.values() if waits(settings, entries, reviews) and not opener(entries))
    return [entries[0] for entries in waiting]


async def _read(settings: Settings) -> tuple[dict[str, list[Case]], dict[str, Standing]]:
    return await read_cases(settings), await read_reviews(settings)


def _standing(request: CaseConfirmation, references: Sequence[str]) -> Standing:
    return Standing(
        case_id=request.case_id,
        reference_id="",
        standing="confirmed",
        why=request.why,
        by=request.by,
        at=datetime.now(UTC),
        account=request.account,
        references=list(references),
    )
