"""Exact copies: found by a digest, whatever their vectors, and acted on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.registry import Registry
from schemas.messages import Case, Descriptors, Match, Modality, Reference
from streams.describe.exact import exact_digests, exact_key
from streams.errors import UsageError
from streams.fusion.pieces import evidence_of
from streams.match.archive import Hit
from streams.match.late_candidates import AnyRow
from streams.match.milvus_archive import MilvusArchive
from streams.match.piece import token
from streams.match.reference_index import ReferenceIndex
from streams.match.scores import scores_record
from streams.settings import load_settings
from tests.unit.made_messages import NOW, POLICY
from tests.unit.match.test_reference_index import COLUMNS, entry, piece, query, unit

KEY = b"0123456789abcdef"
FILE, OTHER = b"f" * 16, b"o" * 16


def reference(case_id: str = "case-a", seed: int = 5, **changes: Any) -> tuple[str, Case, Reference]:
    return entry(piece(unit(1, COLUMNS, seed=seed), [0.0], **{"digests": [FILE]} | changes), case_id)


def post(*digests: bytes, **changes: Any) -> Descriptors:
    """Return a segment whose vector resembles no reference."""
    return query(unit(1, COLUMNS, seed=77), [0.0], digests=list(digests), **changes)


def benign(*digests: bytes) -> tuple[str, Case, Reference]:
    allowed = piece(unit(1, COLUMNS, seed=9), [0.0], digests=list(digests))
    return "allow-a", Case(case_id="allow-a", name="x", opened_at=NOW, benign=True, reference=allowed), allowed


def test_an_exact_copy_is_found_for_every_case_that_has_it() -> None:
    index = ReferenceIndex([reference("case-a"), reference("case-b"), reference("case-c", digests=[OTHER])])
    found = index.search(post(FILE))
    assert {match.case_id for match in found} == {"case-a", "case-b"}
    assert {match.score for match in found} == {1.0}
    (passage,) = found[0].passages
    assert (passage.query.start_s, passage.query.end_s) == (0.0, 60.0)


def test_another_medium_is_no_exact_copy() -> None:
    assert ReferenceIndex([reference()]).search(post(OTHER)) == []
    assert ReferenceIndex([reference()]).search(post()) == []


def test_the_allow_list_wins_over_a_digest() -> None:
    assert ReferenceIndex([reference(), benign(FILE)]).search(post(FILE)) == []
    assert ReferenceIndex([reference(), benign(OTHER)]).search(post(FILE, OTHER)) == []
    assert ReferenceIndex([reference(), benign(OTHER)]).search(post(FILE)) != []


@pytest.mark.parametrize(("modality", "decision"), [("visual", "act"), ("audio", "review")])
@pytest.mark.parametrize("model", ["causes@2", "noisy-or@1", "noisy-or@2"])
def test_an_exact_copy_is_enough_to_act_and_sound_alone_never_is(modality: Modality, decision: str, model: str) -> None:
    a_post = post(FILE, modality=modality)
    (match,) = ReferenceIndex([reference(modality=modality)]).search(a_post)
    judge = Registry().fusion(model)
    probability = judge.judge([evidence_of(scores_record(a_post, [match]), match, judge)]).probability
    assert POLICY.review <= probability
    assert (probability >= POLICY.act) == (decision == "act")


def test_the_archive_finds_an_exact_copy_of_a_case_opened_later(tmp_path: Path) -> None:
    archive, (key, case, wanted) = MilvusArchive(tmp_path), reference()
    archive.add(Hit(0, 3), post(FILE))
    archive.add(Hit(0, 4), post(OTHER))
    assert archive.search(wanted, {0}, AnyRow(0.9)) == {Hit(0, 3)}
    archive.close()
    late = ReferenceIndex([(key, case, wanted)]).match_one(token(key, wanted), post(FILE))
    assert isinstance(late, Match)
    assert late.score == 1.0


def test_digests_are_keyed_and_a_blank_medium_has_none() -> None:
    some = piece(unit(1, COLUMNS), [0.0]).vectors
    none = piece(np.zeros((0, COLUMNS), np.float32), []).vectors
    (keyed,) = exact_digests([FILE], some, KEY)
    assert len(keyed) == 16
    assert keyed not in {FILE, exact_digests([FILE], some, b"another key here")[0]}
    assert exact_digests([FILE], none, KEY) == []
    assert exact_digests([FILE], some, None) == []


def test_without_a_key_there_are_no_digests_and_a_short_key_is_refused() -> None:
    assert exact_key(load_settings(term_key="")) is None
    with pytest.raises(UsageError):
        exact_key(load_settings(term_key="short"))
