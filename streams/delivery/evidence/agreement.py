"""Section about what agrees between a post and the references, in words."""

from collections.abc import Iterator
from hashlib import sha256

from models.fusion.features import shows_place_alone
from schemas.messages import Evidence, Passage, Takedown
from streams.cases.entries import is_terms
from streams.delivery.evidence.blocks import Block, Fields, Heading, Paragraph, Pictures, Rows
from streams.delivery.evidence.context import Context
from streams.delivery.evidence.moments import probability, stretch

_TEXT_OF_POST = -1
_MAX_FURTHER = 20
"""Further stretches in the documents; the data files have all of them."""
_ORDINARY_SPEED = 0.02
_SHA256_BYTES = 32


def agreement(context: Context, event: Takedown) -> Iterator[Block]:
    """Yield the section about what agrees, by the event that the takedown rests on."""
    words = context.words
    yield Heading(words("agreement"), 3)
    best = sorted(event.evidence, key=lambda evidence: evidence.probability, reverse=True)
    rows: Rows = [(words(f"label_{evidence.modality}"), tuple(_sentences(context, evidence))) for evidence in best]
    yield Fields(rows)
    figures = {"probability": probability(event.probability), "threshold": f"{event.act_at:g}"}
    yield Paragraph(words("together", policy=event.policy_version, **figures))
    yield Paragraph(decision(context, event))
    if event.held_for:
        yield Paragraph(words("held_for_case" if event.case_id in event.held_for else "held_for"))
    if context.source.thumbnails and (pictures := list(_pictures(context, best))):
        yield Heading(words("thumbnails"), 3)
        yield Pictures(pictures)


def decision(context: Context, event: Takedown) -> str:
    """Return who decided on an event and why."""
    if not event.by:
        return context.words("by_software")
    return context.words("by_person_why" if event.why else "by_person", by=event.by, why=event.why)


def _sentences(context: Context, evidence: Evidence) -> Iterator[str]:
    yield _agrees(context, evidence)
    if further := evidence.passages[1:]:
        yield _further(context, further)
    model = {"model": evidence.model, "version": evidence.version}
    yield context.words("of_sense", probability=probability(evidence.probability), **model)


def _agrees(context: Context, evidence: Evidence) -> str:
    words = context.words
    if evidence.modality == "text" and (evidence.terms or is_terms(evidence.reference_id)):
        return words("agrees_terms", terms=evidence.terms)
    if evidence.modality == "text" and evidence.medium == _TEXT_OF_POST:
        return words("agrees_text")
    parts = {
        "where": _where(context, evidence),
        "query": stretch(evidence.query),
        "reference": context.reference(evidence.reference_id),
        "reference_stretch": stretch(evidence.reference),
    }
    is_still = evidence.query.end_s - evidence.query.start_s <= 0
    form = "agrees_place" if shows_place_alone(evidence) else "agrees_picture" if is_still else "agrees"
    text = words(form, modality=words(f"modality_{evidence.modality}"), **parts)
    speed = evidence.passages[0].speed if evidence.passages else 1.0
    return text if abs(speed - 1) < _ORDINARY_SPEED else f"{text} ({words('speed', speed=f'{speed:.2f}')})"


def _further(context: Context, passages: list[Passage]) -> str:
    words = context.words
    shown = [
        words("further_one", query=stretch(passage.query), reference_stretch=stretch(passage.reference))
        for passage in passages[:_MAX_FURTHER]
    ]
    if len(passages) > _MAX_FURTHER:
        shown.append(words("further_more", count=len(passages) - _MAX_FURTHER))
    return words("further", stretches="; ".join(shown))


def _where(context: Context, evidence: Evidence) -> str:
    if evidence.medium == _TEXT_OF_POST:
        return context.words("attachment_text")
    return context.words("attachment", number=evidence.medium + 1)


def _pictures(context: Context, best: list[Evidence]) -> Iterator[tuple[str, str]]:
    for evidence in best:
        if (thumbnail := evidence.thumbnail) is not None:
            digest = thumbnail if len(thumbnail) == _SHA256_BYTES else sha256(thumbnail).digest()
            place = {"where": _where(context, evidence), "query": stretch(evidence.query)}
            if context.source.history.has_thumbnail(digest.hex()):
                yield digest.hex(), context.words("thumbnail", **place)
