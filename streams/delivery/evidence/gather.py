"""Reading of one case's history from the topics, and the facts of the case."""

from datetime import datetime

import msgspec
import structlog

from schemas.ids import full_name
from schemas.messages import Case, CaseKind, Delivery, Policy, Standing, Takedown
from streams.cases.entries import TOPIC as CASES
from streams.cases.entries import is_terms
from streams.cases.reference_reviews import read_reviews
from streams.delivery.evidence.history import CaseHistory
from streams.delivery.evidence.thumbnails import unseal_thumbnails
from streams.errors import UsageError
from streams.kafka.clients import create_codec
from streams.kafka.compacted_topic import decode_or_refuse
from streams.kafka.topic_reader import Update
from streams.kafka.whole_topic import read_each
from streams.settings import Settings

log = structlog.get_logger()


class ReferenceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack contains of a reference: never the file, its name or its descriptors."""

    number: int
    """Number in the pack, from 1."""
    reference_id: str
    duration_s: float = 0.0
    modalities: list[str] = []
    """Modalities in which it was described; none where it has been erased."""
    models: list[str] = []


class CaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack contains of a case: never its name, which could be the victim's by mistake."""

    format: int = 1
    case_id: str
    identifier: str
    """Case or takedown that the pack is about."""
    open: bool
    """Whether the case is open; a withdrawn one has no more facts than its takedowns give."""
    kind: CaseKind = "shared_without_consent"
    minor: bool = False
    authority: str = ""
    opened_at: datetime | None = None
    policy: Policy | None = None
    references: list[ReferenceFacts] = []
    reviews: list[Standing] = []
    """Persons' decisions about references."""
    takedowns: int
    events: int
    as_of: datetime
    """Time of the last record in the pack."""


async def gather(settings: Settings, history: CaseHistory) -> CaseFacts:
    """Read the history of a case or a takedown, and return the facts of its case.

    Raises
    ------
    UsageError
        The broker does not answer, or no takedown and no case has this id.
    """
    await _read(settings, "takedowns", history)
    await _read(settings, "deliveries", history)
    (case_id, *_) = [*history.case_ids, history.identifier]
    entries = await _read_entries(settings, case_id)
    if not history.count():
        where = "the case has no takedown yet" if entries else "no case and no takedown has this id"
        raise UsageError(f"{history.identifier}: {where}: `jikimi case list` shows the open cases")
    if dropped := unseal_thumbnails(settings, history, list(entries.values())):
        log.warning("thumbnails left out: the case was withdrawn, or its key is not among ours", number=dropped)
    found = (await read_reviews(settings)).values()
    reviews = [review for review in found if review.case_id == case_id and review.reference_id]
    return facts_of(case_id, history, list(entries.values()), sorted(reviews, key=lambda review: review.at))


async def _read(settings: Settings, topic: str, history: CaseHistory) -> None:
    codec = create_codec(settings)

    def apply(updates: list[Update]) -> None:
        for update in updates:
            record = decode_or_refuse(codec, topic, update)
            if isinstance(record, Takedown):
                history.add_event(record)
            elif isinstance(record, Delivery):
                history.add_delivery(record)

    await read_each(settings, topic, apply)


async def _read_entries(settings: Settings, case_id: str) -> dict[bytes, Case]:
    """Return the active entries of a case by key, without their vectors: other cases' are passed over undecoded."""
    codec, found = create_codec(settings), dict[bytes, Case]()

    def apply(updates: list[Update]) -> None:
        for update in updates:
            if update.key.partition(b"/")[0] != case_id.encode():
                continue
            found.pop(update.key, None)
            entry = decode_or_refuse(codec, CASES, update) if update.value is not None else None
            if isinstance(entry, Case):
                found[update.key] = _without_vectors(entry)

    await read_each(settings, CASES, apply)
    return found


def _without_vectors(entry: Case) -> Case:
    if entry.reference is None:
        return entry
    empty = msgspec.structs.replace(entry.reference.vectors, rows=0, data=b"")
    piece = msgspec.structs.replace(entry.reference, vectors=empty, times_s=[], digests=[])
    return msgspec.structs.replace(entry, reference=piece)


def facts_of(case_id: str, history: CaseHistory, entries: list[Case], reviews: list[Standing]) -> CaseFacts:
    """Return the facts of a case from its history, its active entries and the reviews of its references."""
    opened = next((entry for entry in entries if entry.policy is not None), None)
    return CaseFacts(
        case_id=case_id,
        identifier=history.identifier,
        open=opened is not None,
        kind=opened.kind if opened else "shared_without_consent",
        minor=opened.minor if opened else history.minor,
        authority=opened.authority if opened else "",
        opened_at=opened.opened_at if opened else None,
        policy=opened.policy if opened else None,
        references=_references(history.reference_ids(), entries),
        reviews=reviews,
        takedowns=history.count(),
        events=history.n_events(),
        as_of=history.as_of,
    )


def _references(found: list[str], entries: list[Case]) -> list[ReferenceFacts]:
    pieces = [entry.reference for entry in entries if entry.reference is not None]
    ids = sorted(one for one in {*found, *(piece.reference_id for piece in pieces)} if not is_terms(one))
    facts = []
    for number, reference_id in enumerate(ids, 1):
        own = [piece for piece in pieces if piece.reference_id == reference_id]
        facts.append(
            ReferenceFacts(
                number=number, reference_id=reference_id,
                duration_s=max((piece.duration_s for piece in own), default=0.0),
                modalities=sorted({piece.modality for piece in own}),
                models=sorted({full_name(piece.model, piece.version) for piece in own}),
            )
        )  # fmt: skip
    return facts
