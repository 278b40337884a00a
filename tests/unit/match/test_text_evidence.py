"""Evidence of a text: terms found surely, weak hits alone, and weak hits that support each other."""

from typing import Any

import numpy as np
import pytest

from models.registry import Registry
from models.text.terms import digests, term_digests
from schemas.matrix import pack
from schemas.messages import Case, Descriptors, Match, Reference
from streams.match.reference_index import ReferenceIndex
from streams.settings import Settings
from tests.unit.made_messages import NOW, segment

KEY = b"k" * 32
NO_ROWS = np.zeros((0, 512), np.float32)
PHRASE = np.eye(1, 512, dtype=np.float32)
AWAY = "t.me/name"
REVIEW, ACT = (float(Settings.model_fields[name].default) for name in ("review", "act"))


def entry(case_id: str, *terms: str, phrase: bool = False) -> tuple[str, Case, Reference]:
    reference = Reference(
        reference_id="terms",
        segment=0,
        modality="text",
        model="m",
        version="1",
        start_s=0.0,
        duration_s=0.0,
        vectors=pack(PHRASE if phrase else NO_ROWS),
        times_s=[0.0] * phrase,
        digests=sorted(set[bytes]().union(*(term_digests(term, KEY) for term in terms))),
    )
    return f"{case_id}/terms", Case(case_id=case_id, name="x", opened_at=NOW, reference=reference), reference


def post(text: str, links: list[str], *, like_the_phrase: bool = False) -> Descriptors:
    fields: dict[str, Any] = {"descriptor_id": "d", "modality": "text", "model": "m", "version": "1"}
    vectors = PHRASE * np.float32(0.65) if like_the_phrase else NO_ROWS
    return Descriptors(
        segment=segment(), vectors=pack(vectors), times_s=[0.0] * len(vectors), digests=sorted(digests(text, KEY)),
        links=links, **fields
    )  # fmt: skip


def found(text: str, *terms: str, links: tuple[str, ...] = (), phrase: bool = False) -> list[Match]:
    index = ReferenceIndex([entry("case-a", *terms, phrase=phrase), entry("case-b", "somebody else")])
    return index.search(post(text, list(links), like_the_phrase=phrase))


def probability(match: Match) -> float:
    return Registry().fusion("causes@2").probability("text", match.score, match.terms)


@pytest.mark.parametrize(
    ("text", "terms", "links"),
    [
        ("the sun rose", ["Rose"], ()),
        ("the sun rose", ["Rose"], (AWAY,)),
        ("a rose in summer", ["Rose", "Summer"], ()),
        ("ㄱㅁㅈ", ["김민지"], ()),
        ("ㄱㅁㅈ", ["김민지"], ("example.com/page", "@somebody")),
        ("이 나라에서는", ["이나라"], (AWAY,)),
        ("이지은행에서", ["이지은"], ()),
    ],
)
def test_a_weak_hit_alone_is_below_a_review(text: str, terms: list[str], links: tuple[str, ...]) -> None:
    (match,) = found(text, *terms, links=links)
    assert probability(match) < REVIEW
    assert match.terms == 0


@pytest.mark.parametrize(
    ("text", "terms", "links"),
    [
        ("ㄱㅁㅈ", ["김민지"], (AWAY,)),
        ("ㄱㅁㅈ rose", ["김민지", "Rose"], ()),
        ("a rose in summer", ["Rose", "Summer"], (AWAY,)),
    ],
)
def test_weak_hits_that_support_each_other_are_reviewed(text: str, terms: list[str], links: tuple[str, ...]) -> None:
    (match,) = found(text, *terms, links=links)
    assert REVIEW < probability(match) < ACT
    assert match.terms == len(terms)


def test_a_common_word_beside_a_phrase_of_the_case_is_reviewed() -> None:
    (match,) = found("rose", "Rose", phrase=True)
    assert probability(match) > REVIEW


def test_a_text_is_compared_with_the_cases_that_it_names_and_no_other() -> None:
    index = ReferenceIndex(entry(f"case-{number}", f"somebody{number}x") for number in range(50))
    names = {match.case_id for match in index.search(post("somebody7x and somebody42x", []))}
    assert names == {"case-7", "case-42"}
