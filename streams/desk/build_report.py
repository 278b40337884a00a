"""A case's report, made of its records."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from models.text.terms import n_terms
from schemas.ids import full_name
from schemas.messages import (
    Case,
    Delivery,
    Evidence,
    Modality,
    Passage,
    PostRef,
    Reference,
    Standing,
    Takedown,
    Verdict,
)
from streams.cases.entries import references_of
from streams.cases.four_eyes import confirmation_of
from streams.cases.reference_reviews import standing_key
from streams.delivery.families import Family, families, repeat_uploaders
from streams.desk.case_report import (
    CaseReport,
    DeliveryStep,
    FamilyReport,
    FoundPost,
    Hit,
    MatchedPart,
    ReferenceKind,
    ReferenceReport,
    SearchReport,
    Step,
    UploaderReport,
    WaitingReview,
)
from streams.desk.own_cases import opener
from streams.desk.reviewing import QuarantinedReference, quarantined_references
from streams.takedown.life import OPEN, PENDING


class CaseRecords(NamedTuple):
    """Everything on which a case's report rests."""

    entries: Sequence[Case]
    events: Sequence[Takedown]
    deliveries: Sequence[Delivery]
    waiting: Sequence[Verdict]
    reviews: Mapping[str, Standing]
    """Reviews of its references, by key."""
    file_names: Mapping[str, str]
    """File names by reference id."""
    waits: bool = False
    """Whether takedowns are held until a second person confirms the case."""
    search: SearchReport | None = None


def build_report(records: CaseRecords, now: datetime) -> CaseReport:
    """Return the report of an open case."""
    case = records.entries[0]
    policy = next((entry.policy for entry in records.entries if entry.policy is not None), None)
    pieces = references_of(records.entries)
    hits = build_hits(records, now)
    confirmation = confirmation_of(records.reviews.get(standing_key(case.case_id)))
    return CaseReport(
        case_id=case.case_id,
        name=case.name,
        opened_at=case.opened_at,
        is_allowed=case.benign,
        kind=None if case.benign else case.kind,
        minor=case.minor,
        authority=case.authority,
        act=policy.act if policy else None,
        review=policy.review if policy else None,
        review_only=policy.review_only if policy else False,
        approve=policy.approve if policy else False,
        opened_by=opener(records.entries),
        confirmed_by=confirmation.account if confirmation is not None else "",
        waits=records.waits,
        terms=n_terms(digest for piece in pieces if piece.modality == "text" for digest in piece.digests),
        phrases=rows_by_modality(pieces)["text"],
        models=_models(pieces),
        references=_references(pieces, records),
        search=records.search,
        states=dict(Counter(hit.state for hit in hits)),
        families=[_family(family) for family in families(records.events)],
        repeat_uploaders=[
            UploaderReport(platform=found.platform, author=found.author, copies=len(found.copies))
            for found in repeat_uploaders(records.events)
        ],
        hits=hits,
        reviews=[_waiting(verdict, records.file_names) for verdict in records.waiting],
    )


def _family(family: Family) -> FamilyReport:
    return FamilyReport(
        first_seen=family.first_seen,
        takedown_ids=[copy.takedown_id for copy in family.copies],
        accounts=len(family.accounts),
        platforms=family.platforms,
    )


def build_hits(records: CaseRecords, now: datetime) -> list[Hit]:
    """Return the takedowns of a case, the earliest first."""
    events: dict[str, list[Takedown]] = defaultdict(list)
    steps: dict[str, list[Delivery]] = defaultdict(list)
    for event in records.events:
        events[event.takedown_id].append(event)
    for step in records.deliveries:
        steps[step.takedown_id].append(step)
    return [_hit(of_one, steps[takedown_id], records.file_names, now) for takedown_id, of_one in events.items()]


def _hit(events: Sequence[Takedown], steps: Sequence[Delivery], file_names: Mapping[str, str], now: datetime) -> Hit:
    last = events[-1]
    due_at = next((step.due_at for step in reversed(steps) if step.due_at is not None), None)
    return Hit(
        takedown_id=last.takedown_id,
        state=last.state,
        post=_post(last.post, events[0].at, last, file_names),
        act_at=last.act_at,
        is_open=last.state in OPEN,
        due_at=due_at,
        is_overdue=due_at is not None and due_at < now and last.state in PENDING,
        history=[Step(at=event.at, state=event.state, by=event.by, why=event.why) for event in events],
        deliveries=[_step(step) for step in steps],
    )


def _step(step: Delivery) -> DeliveryStep:
    return DeliveryStep(**{name: getattr(step, name) for name in DeliveryStep.__struct_fields__})


def _waiting(verdict: Verdict, file_names: Mapping[str, str]) -> WaitingReview:
    post = _post(verdict.post, verdict.decided_at, verdict, file_names)
    return WaitingReview(verdict_id=verdict.verdict_id, post=post, review_at=verdict.review_at, missing=verdict.missing)


def _post(post: PostRef, found_at: datetime, found: Takedown | Verdict, file_names: Mapping[str, str]) -> FoundPost:
    return FoundPost(
        **{name: getattr(post, name) for name in PostRef.__struct_fields__},
        found_at=found_at,
        probability=found.probability,
        matches=[part for evidence in found.evidence for part in _matches(evidence, file_names)],
        links=found.links,
    )


def _matches(evidence: Evidence, file_names: Mapping[str, str]) -> Iterable[MatchedPart]:
    """Yield the passages of one piece of evidence, or its one interval where there are none."""
    whole = Passage(query=evidence.query, reference=evidence.reference, score=evidence.score)
    for passage in evidence.passages or [whole]:
        yield MatchedPart(
            modality=evidence.modality,
            medium=evidence.medium,
            post_start_s=passage.query.start_s,
            post_end_s=passage.query.end_s,
            reference_id=evidence.reference_id,
            file=file_names.get(evidence.reference_id),
            reference_start_s=passage.reference.start_s,
            reference_end_s=passage.reference.end_s,
            speed=passage.speed,
            score=passage.score,
            probability=evidence.probability,
            terms=evidence.terms,
            model=full_name(evidence.model, evidence.version),
        )


def _models(pieces: Iterable[Reference]) -> dict[Modality, list[str]]:
    found: dict[Modality, set[str]] = defaultdict(set)
    for piece in pieces:
        if piece.modality != "motion":  # computed, by no model
            found[piece.modality].add(full_name(piece.model, piece.version))
    return {modality: sorted(names) for modality, names in sorted(found.items())}


def _references(pieces: Sequence[Reference], records: CaseRecords) -> list[ReferenceReport]:
    """Return the references by the names of their files, also those that a person has erased, with their reviews."""
    reviews = {review.reference_id: review for review in records.reviews.values() if review.reference_id}
    quarantined = {found.reference_id: found for found in quarantined_references(records.events, records.reviews)}
    of_one: dict[str, list[Reference]] = {piece.reference_id: [] for piece in pieces}
    of_one |= {reference_id: [] for reference_id in [*quarantined, *reviews]}
    for piece in pieces:
        of_one[piece.reference_id].append(piece)
    return [
        _reference(reference_id, own, reviews.get(reference_id), quarantined.get(reference_id), records.file_names)
        for reference_id, own in sorted(of_one.items(), key=lambda one: _place(records.file_names.get(one[0])))
    ]


def _place(file: str | None) -> tuple[bool, str]:
    """Return what puts those without a name last."""
    return file is None, file or ""


def _reference(
    reference_id: str,
    pieces: Sequence[Reference],
    review: Standing | None,
    held: QuarantinedReference | None,
    file_names: Mapping[str, str],
) -> ReferenceReport:
    rows = rows_by_modality(pieces)
    return ReferenceReport(
        reference_id=reference_id,
        kind=kind_of(pieces),
        file=file_names.get(reference_id),
        duration_s=max((piece.duration_s for piece in pieces), default=0.0),
        frames=rows["visual"],
        sounds=rows["audio"],
        review=review.standing if review else None,
        review_by=review.by if review else "",
        review_why=review.why if review else "",
        review_at=review.at if review else None,
        quarantined_since=held.since if held else None,
        held=held.held if held else 0,
    )


def kind_of(pieces: Sequence[Reference]) -> ReferenceKind:
    """Return what a reference is."""
    rows = rows_by_modality(pieces)
    if not pieces:
        return "erased"
    if all(piece.modality == "text" for piece in pieces):
        return "terms"
    if not rows["visual"]:
        return "sound"
    return "video" if any(piece.duration_s > 0 for piece in pieces) else "picture"


def rows_by_modality(pieces: Iterable[Reference]) -> Counter[str]:
    """Return the number of rows by modality; of several models, the largest."""
    by_model = Counter[tuple[str, str]]()
    for piece in pieces:
        by_model[piece.modality, full_name(piece.model, piece.version)] += piece.vectors.rows
    most = Counter[str]()
    for (modality, _), rows in by_model.items():
        most[modality] = max(most[modality], rows)
    return most
