from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from schemas.matrix import pack, unpack
from schemas.messages import Case, Descriptors, Modality, Reference, Thumbnail
from streams.match import query_similarities
from streams.match.piece import token
from streams.match.reference_index import ReferenceIndex
from streams.match.scores import scores_record
from tests.unit.made_messages import NOW, segment

COLUMNS = 512
type Vectors = npt.NDArray[np.float32]


def unit(*shape: int, seed: int = 0) -> Vectors:
    """Return dissimilar rows: random directions."""
    drawn = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    rows: Vectors = drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)
    return rows


FILM = unit(180, COLUMNS, seed=1)
"""Three minutes, a frame a second."""


def piece(vectors: Vectors, times_s: Sequence[float], number: int = 0, **changes: Any) -> Reference:
    fields: dict[str, Any] = {"reference_id": "r1", "modality": "visual", "model": "m", "version": "1"}
    fields |= {"segment": number, "start_s": 60.0 * number, "duration_s": 180.0}
    return Reference(vectors=pack(vectors), times_s=list(times_s), **fields | changes)


def entry(a_piece: Reference, case_id: str = "case-a") -> tuple[str, Case, Reference]:
    key = f"{case_id}/{a_piece.reference_id}/{a_piece.modality}/{a_piece.segment}"
    return key, Case(case_id=case_id, name="x", opened_at=NOW, reference=a_piece), a_piece


def minutes(*order: int) -> list[tuple[str, Case, Reference]]:
    """Return the film's pieces of a minute, in the order given."""
    cuts = [slice(60 * number, 60 * number + 60) for number in order]
    return [
        entry(piece(FILM[cut], list(range(cut.start, cut.stop)), number))
        for number, cut in zip(order, cuts, strict=True)
    ]


def query(vectors: Vectors, times_s: Sequence[float], modality: Modality = "visual", **changes: Any) -> Descriptors:
    fields: dict[str, Any] = {"descriptor_id": "d1", "segment": segment(), "model": "m", "version": "1"}
    return Descriptors(modality=modality, vectors=pack(vectors), times_s=list(times_s), **fields | changes)


def excerpt(start: int, stop: int, **changes: Any) -> Descriptors:
    """Return a copy of a part of the film, played from its own zero."""
    return query(FILM[start:stop], list(range(stop - start)), **changes)


def test_a_copied_part_is_found_where_it_is() -> None:
    (found,) = ReferenceIndex(minutes(0, 1, 2)).search(excerpt(30, 50))
    assert (found.case_id, found.reference_id) == ("case-a", "r1")
    assert found.score > 0.95
    assert (found.query.start_s, found.query.end_s) == pytest.approx((0.0, 19.5), abs=0.1)
    assert (found.reference.start_s, found.reference.end_s) == pytest.approx((30.0, 49.5), abs=0.1)
    assert found.speed == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)])
def test_a_copy_over_the_border_of_two_pieces_is_one_run_in_any_order_of_arrival(order: tuple[int, ...]) -> None:
    (found,) = ReferenceIndex(minutes(*order)).search(excerpt(50, 130))
    assert (found.reference.start_s, found.reference.end_s) == pytest.approx((50.0, 129.5), abs=0.1)
    assert found.score > 0.95


def test_a_missing_piece_does_not_hinder_the_others() -> None:
    (found,) = ReferenceIndex(minutes(0, 2)).search(excerpt(130, 150))
    assert found.reference.start_s == pytest.approx(130.0, abs=0.1)


def test_an_unrelated_segment_matches_nothing() -> None:
    assert ReferenceIndex(minutes(0)).search(query(unit(20, COLUMNS, seed=9), list(range(20)))) == []


def test_the_best_match_of_several_references_comes_first() -> None:
    noisy = FILM[:60] + 0.2 * unit(60, COLUMNS, seed=5)
    noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
    index = ReferenceIndex(
        [
            entry(piece(noisy.astype(np.float32), range(60), reference_id="noisy")),
            entry(piece(FILM[:60], range(60)), "case-b"),
            entry(piece(unit(60, COLUMNS, seed=6), range(60), reference_id="other")),
        ]
    )
    found = index.search(excerpt(5, 40))
    assert [match.reference_id for match in found] == ["r1", "noisy"]
    assert found[0].case_id == "case-b"


def test_of_two_cases_the_one_that_is_less_like_the_post_loses_more_than_it_would_alone() -> None:
    scene = near(FILM[:60], 0.6)
    index = ReferenceIndex([entry(piece(FILM[:60], range(60))), entry(piece(scene, range(60)), "case-b")])
    alone = ReferenceIndex([entry(piece(scene, range(60)), "case-b")])
    assert alone.search(excerpt(5, 40))[0].score > 0.8
    assert [match.case_id for match in index.search(excerpt(5, 40))] == ["case-a"]


def test_references_of_one_case_do_not_compete() -> None:
    scene = near(FILM[:60], 0.6)
    index = ReferenceIndex([entry(piece(FILM[:60], range(60))), entry(piece(scene, range(60), reference_id="r2"))])
    assert {match.reference_id for match in index.search(excerpt(5, 40))} == {"r1", "r2"}


def near(rows: Vectors, cosine: float, seed: int = 77) -> Vectors:
    """Return rows at this cosine from the given ones."""
    other = unit(*rows.shape, seed=seed)
    other -= (other * rows).sum(axis=1, keepdims=True) * rows
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    turned: Vectors = (cosine * rows + np.sqrt(1 - cosine**2) * other).astype(np.float32)
    return turned


def benign(vectors: Vectors, case_id: str = "television") -> tuple[str, Case, Reference]:
    key, case, a_piece = entry(piece(vectors, range(len(vectors)), reference_id="b"), case_id)
    return key, msgspec.structs.replace(case, benign=True), a_piece


def test_a_benign_video_matches_nothing_and_is_no_piece_to_search_for() -> None:
    index = ReferenceIndex([benign(FILM[:60])])
    assert index.search(excerpt(0, 30)) == []
    assert not index.pieces


def test_a_benign_intro_within_a_reference_never_matches_and_the_rest_of_it_does() -> None:
    index = ReferenceIndex([*minutes(0), benign(near(FILM[:20], 0.9))])
    assert index.search(excerpt(0, 20)) == []
    (found,) = index.search(excerpt(10, 50))
    assert found.reference.start_s == pytest.approx(20.0, abs=1.0)


def test_an_edited_copy_of_a_benign_intro_that_is_in_a_reference_does_not_match_either() -> None:
    index = ReferenceIndex([*minutes(0), benign(FILM[:20])])
    assert index.search(query(near(FILM[:20], 0.5), range(20))) == []


def test_a_picture_within_a_benign_video_is_found_by_the_view_that_shows_it() -> None:
    television = unit(20, COLUMNS, seed=12)
    index = ReferenceIndex([*minutes(0), benign(television)])
    shown = query(np.concatenate([television, near(FILM[30:50], 0.7)]), [*range(20), *range(20)])
    (found,) = index.search(shown)
    assert found.reference.start_s == pytest.approx(30.0, abs=0.6)
    assert found.score > 0.8


def test_benign_videos_at_large_lower_what_resembles_them_and_nothing_else() -> None:
    weak = query(near(FILM[30:50], 0.55), range(20))
    common = unit(20, COLUMNS, seed=13)
    alike = query(normalised(unpack(weak.vectors) + 0.5 * common), range(20))
    bank = [benign(normalised(common + 0.9 * unit(20, COLUMNS, seed=seed)), f"benign-{seed}") for seed in range(20, 32)]
    with_bank, without = ReferenceIndex([*minutes(0), *bank]), ReferenceIndex(minutes(0))
    assert with_bank.search(alike)[0].score < without.search(alike)[0].score - 0.02
    assert with_bank.search(weak)[0].score == pytest.approx(without.search(weak)[0].score, abs=0.01)


def normalised(rows: Vectors) -> Vectors:
    of_length_one: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return of_length_one


def test_a_reordered_copy_has_its_passages() -> None:
    rows = np.concatenate([FILM[100:120], FILM[20:50]])
    (found,) = ReferenceIndex(minutes(0, 1)).search(query(rows, range(50)))
    assert [one.reference.start_s for one in found.passages] == pytest.approx([20.0, 100.0], abs=0.6)
    assert (found.query, found.reference, found.speed) == (
        found.passages[0].query,
        found.passages[0].reference,
        found.passages[0].speed,
    )
    assert found.score > found.passages[0].score


def test_of_thousands_of_references_the_right_one_is_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_similarities, "_STEP_ROWS", 50)
    monkeypatch.setattr(query_similarities, "_MAX_ALIGNED", 1)
    others = [entry(piece(unit(20, COLUMNS, seed=seed), range(20)), f"case-{seed}") for seed in range(50, 90)]
    index = ReferenceIndex([*others[:20], *minutes(0), *others[20:]])
    assert [match.case_id for match in index.search(excerpt(30, 50))] == ["case-a"]


def test_two_cases_with_one_file_are_both_found() -> None:
    index = ReferenceIndex([entry(piece(FILM[:60], range(60)), case_id) for case_id in ("case-a", "case-b")])
    assert {match.case_id for match in index.search(excerpt(0, 30))} == {"case-a", "case-b"}


def test_two_cases_with_one_file_are_both_found_by_a_hard_edit_of_it() -> None:
    index = ReferenceIndex([entry(piece(FILM[:60], range(60)), case_id) for case_id in ("case-a", "case-b")])
    edited = query(near(FILM[5:40], 0.6), list(range(35)))
    alone = ReferenceIndex([entry(piece(FILM[:60], range(60)))]).search(edited)
    found = index.search(edited)
    assert {match.case_id for match in found} == {"case-a", "case-b"}
    assert [match.score for match in found] == [pytest.approx(alone[0].score)] * 2


def test_a_scene_that_two_cases_resemble_alike_is_neither_ones() -> None:
    index = ReferenceIndex(
        [
            entry(piece(near(FILM[:60], 0.7, seed), range(60)), case_id)
            for seed, case_id in ((21, "case-a"), (22, "case-b"))
        ]
    )
    scores_of_both = [match.score for match in index.search(excerpt(5, 40))]
    (alone,) = ReferenceIndex([entry(piece(near(FILM[:60], 0.7, 21), range(60)))]).search(excerpt(5, 40))
    assert alone.score > 0.8
    assert max(scores_of_both, default=0.0) < alone.score


@pytest.mark.parametrize("changes", [{"version": "2"}, {"model": "other"}, {"modality": "audio"}])
def test_vectors_of_another_model_are_never_compared(changes: dict[str, Any]) -> None:
    fields = {"modality": "visual"} | changes
    assert ReferenceIndex(minutes(0)).search(query(FILM[:30], list(range(30)), **fields)) == []


def test_vectors_of_other_columns_are_never_compared() -> None:
    odd = entry(piece(unit(10, COLUMNS // 2), range(10), reference_id="odd"))
    index = ReferenceIndex([*minutes(0), odd])
    assert [match.reference_id for match in index.search(excerpt(0, 30))] == ["r1"]
    assert [match.reference_id for match in index.search(query(unit(10, COLUMNS // 2), range(10)))] == ["odd"]


def test_an_empty_segment_and_an_empty_index_match_nothing() -> None:
    nothing = query(np.zeros((0, COLUMNS), np.float32), [])
    assert ReferenceIndex(minutes(0)).search(nothing) == []
    assert ReferenceIndex().search(excerpt(0, 10)) == []
    assert ReferenceIndex().search(nothing) == []


def test_a_reference_without_vectors_beside_one_with_them_is_passed_over() -> None:
    silent = entry(piece(np.zeros((0, COLUMNS), np.float32), [], reference_id="silent"))
    index = ReferenceIndex([silent, *minutes(0)])
    assert [match.reference_id for match in index.search(excerpt(0, 30))] == ["r1"]


def test_a_single_picture_is_found() -> None:
    index = ReferenceIndex([entry(piece(FILM[:1], [0.0], duration_s=0.0))])
    (found,) = index.search(query(FILM[:1], [0.0]))
    assert found.score > 0.65


def test_several_views_of_one_frame_count_once() -> None:
    views = np.repeat(FILM[:20], 3, axis=0)
    (found,) = ReferenceIndex(minutes(0)).search(query(views, [n // 3 for n in range(60)]))
    assert (found.query.end_s, found.reference.end_s) == pytest.approx((19.5, 19.5), abs=0.1)


def test_one_piece_is_matched_as_its_whole_reference_and_as_the_search_does() -> None:
    index = ReferenceIndex(minutes(0, 1, 2))
    for piece_token in index.pieces:
        assert index.match_one(piece_token, excerpt(50, 130)) == index.search(excerpt(50, 130))[0]
    assert len(index.pieces) == 3


def test_the_thumbnail_nearest_to_the_middle_of_the_run_is_shown() -> None:
    thumbnails = [Thumbnail(time_s=at, jpeg=f"{at}".encode()) for at in (0.0, 9.0, 19.0)]
    (found,) = ReferenceIndex(minutes(0)).search(excerpt(30, 50, thumbnails=thumbnails))
    assert found.thumbnail == b"9.0"


def test_without_thumbnails_none_is_shown() -> None:
    (found,) = ReferenceIndex(minutes(0)).search(excerpt(30, 50))
    assert found.thumbnail is None


TERMS: dict[str, Any] = {"modality": "text", "reference_id": "terms", "duration_s": 0.0}


def text(vectors: Vectors, *digests: bytes) -> Descriptors:
    return query(vectors, [0.0] * len(vectors), modality="text", digests=list(digests))


def test_a_term_is_found_by_its_digest_alone() -> None:
    index = ReferenceIndex([entry(piece(np.zeros((0, COLUMNS), np.float32), [], digests=[b"one", b"two"], **TERMS))])
    (found,) = index.search(text(unit(2, COLUMNS), b"other", b"two", b"one"))
    assert (found.terms, found.score) == (2, 1.0)
    assert index.search(text(unit(2, COLUMNS), b"other")) == []
    assert index.search(text(np.zeros((0, COLUMNS), np.float32), b"one"))[0].terms == 1


def test_a_phrase_is_found_by_its_meaning() -> None:
    phrases = unit(2, COLUMNS, seed=3)
    index = ReferenceIndex([entry(piece(phrases, [0.0, 0.0], **TERMS))])
    near = 0.9 * phrases[1:] + 0.1 * unit(1, COLUMNS, seed=4)
    (found,) = index.search(text(np.concatenate([unit(3, COLUMNS, seed=8), near.astype(np.float32)])))
    assert found.terms == 0
    assert 0.85 < found.score < 0.95
    assert index.search(text(unit(3, COLUMNS, seed=8))) == []


def test_an_empty_text_matches_nothing() -> None:
    index = ReferenceIndex([entry(piece(unit(1, COLUMNS), [0.0], digests=[b"one"], **TERMS))])
    assert index.search(text(np.zeros((0, COLUMNS), np.float32))) == []
    assert index.search(text(np.zeros((1, COLUMNS), np.float32))) == []


def test_a_token_changes_with_the_content_of_its_piece_and_with_nothing_else() -> None:
    a_piece = piece(FILM[:5], range(5), digests=[b"one"])
    first = token("key", a_piece)
    assert token("key", msgspec.structs.replace(a_piece, duration_s=1.0)) == first
    others = [
        token("other key", a_piece),
        token("key", piece(FILM[1:6], range(5), digests=[b"one"])),
        token("key", piece(FILM[:5], range(5), digests=[b"two"])),
        token("key", piece(FILM[:5], range(5))),
        token("key", msgspec.structs.replace(a_piece, version="2")),
    ]
    assert len({first, *others}) == 1 + len(others)


def test_scores_hold_their_segment_also_without_a_match() -> None:
    made = scores_record(excerpt(0, 5), [])
    assert (made.segment, made.modality, made.model, made.version) == (segment(), "visual", "m", "1")
    assert (made.matches, made.late) == ([], False)


def test_late_scores_of_two_pieces_and_the_live_ones_have_ids_of_their_own() -> None:
    segment_descriptors = excerpt(0, 5)
    ids = [scores_record(segment_descriptors, [], late_token).score_id for late_token in (None, "one", "two")]
    assert len(set(ids)) == 3
    assert ids == [scores_record(segment_descriptors, [], late_token).score_id for late_token in (None, "one", "two")]
    assert scores_record(segment_descriptors, [], "one").late


def test_links_and_the_explicit_score_are_copied_to_the_scores() -> None:
    made = scores_record(excerpt(0, 10, links=["t.me/room"], explicit=0.25), [])
    assert (made.links, made.explicit) == (["t.me/room"], 0.25)
