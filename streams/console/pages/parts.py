"""Parts that several pages show: why a post was found, and lists of takedowns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from litestar.exceptions import NotFoundException
from markupsafe import Markup

from models.fusion.features import shows_place_alone
from schemas.ids import full_name
from schemas.messages import Evidence, Modality
from streams.console.site import Site
from streams.console.store.cases import CaseRow
from streams.console.store.database import NEVER_S
from streams.console.store.takedowns import Row
from streams.console.timeline import Stretch, timeline
from streams.console.words import Words
from streams.delivery.evidence.moments import position

MAX_EVIDENCE = 12
"""Matches shown of one post."""
_SAME_SPEED = 0.02


class ShownMatch(NamedTuple):
    """One modality's match of a post with a reference."""

    modality: Modality
    probability: float
    score: float
    lines: list[str]
    """One sentence for each matched stretch."""
    n_more: int
    """Stretches without a sentence."""
    drawing: Markup | None
    """Timelines; None for text, and where no moment is known."""
    model: str
    number: int
    """Of the piece in the evidence, from 0."""


_MAX_LINES = 6


def find_case(site: Site, case_id: str, *, is_victims: bool = False) -> CaseRow:
    """Return an open case, which may have to be a victim's and no allow-list.

    Raises
    ------
    NotFoundException
        There is none.
    """
    row = site.store.cases.find(case_id)
    if row is None or (is_victims and row.benign):
        raise NotFoundException
    return row


def shown_matches(t: Words, evidence: Sequence[Evidence], file_names: Mapping[str, str]) -> list[ShownMatch]:
    """Return the matches of a post, the surest first."""
    surest = sorted(enumerate(evidence), key=lambda pair: pair[1].probability, reverse=True)[:MAX_EVIDENCE]
    return [
        _shown(t, one, number, file_names.get(one.reference_id) or t("match.reference", id=one.reference_id[:8]))
        for number, one in surest
    ]


def _shown(t: Words, one: Evidence, number: int, name: str) -> ShownMatch:
    lines = list(_sentences(t, one, name))
    has_times = one.modality != "text" and not shows_place_alone(one)
    drawing = timeline(_stretches(one), t("match.drawing", lines=" ".join(lines[:3]))) if has_times else None
    model = full_name(one.model, one.version)
    n_more = max(0, len(lines) - _MAX_LINES)
    return ShownMatch(one.modality, one.probability, one.score, lines[:_MAX_LINES], n_more, drawing, model, number)


def _stretches(one: Evidence) -> list[Stretch]:
    pairs = [(passage.query, passage.reference) for passage in one.passages] or [(one.query, one.reference)]
    return [Stretch(query.start_s, query.end_s, ours.start_s, ours.end_s) for query, ours in pairs]


def _sentences(t: Words, one: Evidence, name: str) -> Iterator[str]:
    if one.modality == "text":
        yield t("match.terms", n=one.terms)
        return
    key = "match.place" if shows_place_alone(one) else "match.stretch"
    speeds = [passage.speed for passage in one.passages] or [1.0]
    for stretch, speed in zip(_stretches(one), speeds, strict=True):
        yield t(
            key,
            post=f"{position(stretch.query_start_s)}-{position(stretch.query_end_s)}",
            medium=one.medium + 1,
            reference=f"{position(stretch.reference_start_s)}-{position(stretch.reference_end_s)}",
            name=name,
        ) + (t("match.speed", speed=f"{speed:.2f}") if abs(speed - 1) > _SAME_SPEED else "")


def cursor(text: str | None) -> tuple[float, str] | None:
    """Return the place after which a page begins, from its address; None for the first or a wrong one."""
    number, dot, key = (text or "").partition("~")
    try:
        return (float(number), key) if dot else None
    except ValueError:
        return None


def next_page(rows: Sequence[Row], shown: int) -> str | None:
    """Return the place after which the next page of takedowns begins, None after the last."""
    if len(rows) <= shown:
        return None
    last = rows[shown - 1]
    return f"{NEVER_S if last.due_s is None else last.due_s!r}~{last.last.takedown_id}"
