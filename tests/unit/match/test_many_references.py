"""Many references are searched by an index, with the scores of a search that compares all."""

import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from schemas.messages import Case, Descriptors, Reference
from streams.match import indexed_gallery, row_index, space_index
from streams.match.gallery import Gallery
from streams.match.indexed_gallery import IndexedGallery
from streams.match.piece import Piece
from streams.match.piece_table import PieceTable
from streams.match.reference_index import ReferenceIndex
from streams.match.reference_matcher import ReferenceMatcher
from streams.match.runs import Runs
from tests.unit.match.test_reference_index import COLUMNS, Vectors, entry, near, piece, query, unit

N = 80


type Entry = tuple[str, Case, Reference]


def scenes(seed: int, seconds: int = 24) -> Vectors:
    """Return a recording: a scene of six seconds, then the next."""
    rows = np.repeat(unit(seconds // 6, COLUMNS, seed=20_000 + seed), 6, axis=0)
    rows += 0.2 * unit(seconds, COLUMNS, seed=40_000 + seed)
    made: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return made


def recording(number: int) -> Entry:
    return entry(piece(scenes(number), range(24), reference_id=f"r{number}"), f"case-{number}")


RECORDINGS = [recording(number) for number in range(N)]


@pytest.fixture(scope="module")
def many() -> ReferenceIndex:
    return ReferenceIndex(RECORDINGS)


@pytest.fixture
def all_compared(monkeypatch: pytest.MonkeyPatch) -> ReferenceIndex:
    monkeypatch.setattr(space_index, "MANY", N + 1)
    return ReferenceIndex(RECORDINGS)


def is_indexed(index: ReferenceIndex) -> bool:
    (space,) = index._spaces.values()
    return isinstance(space._gallery, IndexedGallery)


def posts() -> Iterator[Descriptors]:
    """Yield copies by ever harder edits, excerpts, stills, a faster one, and posts unrelated to all references."""
    for number in range(0, N, 10):
        for cosine in (0.8, 0.6, 0.5):
            yield query(near(scenes(number), cosine, seed=number), range(24))
        yield query(near(scenes(number)[6:13], 0.6, seed=number), range(7))
        yield query(near(scenes(number)[:1], 0.75, seed=number), [0.0])
        yield query(near(scenes(number)[::2], 0.6, seed=number), range(12))
        yield query(scenes(9000 + number), range(24))


def test_an_index_gives_the_scores_of_a_comparison_with_all(many: ReferenceIndex, all_compared: ReferenceIndex) -> None:
    assert is_indexed(many)
    assert not is_indexed(all_compared)
    n_found = 0
    for post in posts():
        exact = {match.reference_id: match for match in all_compared.search(post) if match.score > 0.3}
        found = {match.reference_id: match for match in many.search(post)}
        assert exact.items() <= found.items()
        n_found += len(exact)
    assert n_found > 40


def test_hardly_any_reference_is_compared_with_an_unrelated_post(many: ReferenceIndex) -> None:
    (space,) = many._spaces.values()
    assert isinstance(space._gallery, IndexedGallery)
    compared = [len(space._gallery._likely(query(scenes(seed), range(24)))[0]) for seed in range(9100, 9120)]
    assert np.mean(compared) < 1.0


def test_one_piece_is_matched_with_the_score_of_the_search(many: ReferenceIndex) -> None:
    copy = query(near(scenes(7), 0.6), range(24))
    (token,) = (one.token for one in many.pieces.values() if one.case_id == "case-7")
    assert many.match_one(token, copy) == many.search(copy)[0]


def test_a_look_alike_of_another_case_is_its_rival(many: ReferenceIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    look_alike = entry(piece(near(scenes(5), 0.7), range(24), reference_id="like"), "like")
    copy = query(near(scenes(5), 0.8, seed=3), range(24))
    with_it = many.changed([], [Piece.of(*look_alike)])
    assert is_indexed(with_it)
    found = {one.case_id: one.score for one in with_it.search(copy)}
    monkeypatch.setattr(space_index, "MANY", N + 1)
    exact = {one.case_id: one.score for one in ReferenceIndex([*RECORDINGS, look_alike]).search(copy)}
    alone = {one.case_id: one.score for one in ReferenceIndex([look_alike]).search(copy)}
    assert found == pytest.approx(exact, abs=1e-6)  # sums of single precision in another order
    assert found.get("like", 0.0) < alone["like"]


def test_no_rival_is_read_for_a_match_before_a_fixed_camera(
    many: ReferenceIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = unit(1, COLUMNS, seed=90_000).repeat(24, axis=0)
    recordings = [
        entry(piece(near(room, 0.9, seed=number), range(24), reference_id=f"room{number}"), f"room-{number}")
        for number in range(2)
    ]
    with_rooms = many.changed([], [Piece.of(*one) for one in recordings])
    copy = query(near(room, 0.85, seed=0), range(24))
    (space,) = with_rooms._spaces.values()
    assert isinstance(space._gallery, IndexedGallery)
    likely, _ = space._gallery._likely(copy)
    everything = set(space._gallery._members)
    monkeypatch.setattr(IndexedGallery, "_likely", lambda *_: (likely, everything))
    read: list[int] = []
    exact = IndexedGallery._exact

    def noted(gallery: IndexedGallery, matchers: Mapping[int, ReferenceMatcher]) -> Gallery:
        read.extend(matchers)
        return exact(gallery, matchers)

    monkeypatch.setattr(IndexedGallery, "_exact", noted)
    found = {one.case_id: one.score for one in with_rooms.search(copy)}
    assert sorted(read) == sorted(likely)
    monkeypatch.setattr(space_index, "MANY", N + 2)
    all_of_them = ReferenceIndex([*RECORDINGS, *recordings]).search(copy)
    assert found == pytest.approx({one.case_id: one.score for one in all_of_them}, abs=1e-5)
    assert found


def test_the_nearer_recording_of_a_stills_room_is_read_as_its_rival(
    many: ReferenceIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = unit(1, COLUMNS, seed=90_000).repeat(24, axis=0)
    nearer, further = (piece(near(room, cosine), range(24), reference_id="room") for cosine in (0.98, 0.88))
    with_rooms = many.changed(
        [], [Piece.of(*entry(one, one_case)) for one, one_case in ((nearer, "a"), (further, "b"))]
    )
    (space,) = with_rooms._spaces.values()
    assert isinstance(space._gallery, IndexedGallery)
    likely, everything = {space._gallery._numbers["b", "room"]}, set(space._gallery._members)
    monkeypatch.setattr(IndexedGallery, "_likely", lambda *_: (likely, everything))
    assert with_rooms.search(query(room[:1], [0.0]))  # of views that are not known
    assert not with_rooms.search(query(room[:1], [0.0], views=[0]))


def test_one_more_case_reads_no_other_reference(many: ReferenceIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    new = recording(500)
    read: list[str] = []
    made = indexed_gallery.runs_of

    def noted(pieces: tuple[Piece, ...]) -> Runs:
        read.append(pieces[0].case_id)
        return made(pieces)

    monkeypatch.setattr(indexed_gallery, "runs_of", noted)
    more = many.changed([], [Piece.of(*new)])
    assert read == ["case-500"]
    copy = query(near(scenes(500), 0.6), range(24))
    assert [match.case_id for match in more.search(copy)] == ["case-500"]
    assert many.search(copy) == []  # a search that has begun goes on with what it had


def test_a_withdrawn_reference_is_found_no_more_and_its_codes_are_gone(many: ReferenceIndex) -> None:
    less = many.changed([one for one in many.pieces.values() if one.case_id == "case-7"], [])
    copy = query(scenes(7), range(24))
    assert [match.case_id for match in many.search(copy)] == ["case-7"]
    assert less.search(copy) == []
    (before,), (after,) = many._spaces.values(), less._spaces.values()
    assert isinstance(before._gallery, IndexedGallery)
    assert isinstance(after._gallery, IndexedGallery)
    assert before._gallery._index.n_rows - after._gallery._index.n_rows == 4
    hits = after._gallery._index.hits(scenes(7), 1_000_000)
    assert 7 not in hits.number
    assert len(less.pieces) == N - 1


def test_with_few_references_left_all_are_compared_again(many: ReferenceIndex) -> None:
    few = many.changed([one for one in many.pieces.values() if one.number >= 10], [])
    assert not is_indexed(few)
    assert [match.case_id for match in few.search(query(scenes(3), range(24)))] == ["case-3"]


def test_a_full_shard_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_index, "_SHARD_ROWS", 100)
    monkeypatch.setattr(row_index, "_BATCH", 1)
    index = ReferenceIndex(RECORDINGS)
    (space,) = index._spaces.values()
    assert isinstance(space._gallery, IndexedGallery)
    assert [shard.coded.ntotal for shard in space._gallery._index.shards] == [100, 100, 100, 20]
    for number in range(0, N, 9):
        assert index.search(query(near(scenes(number), 0.6), range(24)))[0].case_id == f"case-{number}"


def test_codes_are_trained_on_a_bounded_sample_of_all_references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexed_gallery, "SAMPLE", N)
    references = [(Piece.of(*one),) for one in RECORDINGS]
    sample, n_rows = indexed_gallery._sampled(references)
    assert n_rows == 4 * N
    rows = [indexed_gallery.runs_of(one).rows for one in references]
    assert sorted(int(np.argmax([(own @ row).max() for own in rows])) for row in sample) == list(range(N))


def test_vectors_of_pieces_in_a_file_are_read_when_needed_and_erased_with_their_case(tmp_path: Path) -> None:
    table = PieceTable(tmp_path)
    for offset, (key, case, _) in enumerate(RECORDINGS):
        table.put(key, case, offset)
    index = ReferenceIndex().changed(*table.change())
    copy = query(near(scenes(7), 0.6), range(24))
    assert [match.case_id for match in index.search(copy)] == ["case-7"]
    assert not list(tmp_path.iterdir())  # the file has no name
    table.erase(RECORDINGS[7][0])
    assert index.search(copy) == []  # erased at once, also for the index that still has its codes
    (kept,) = (piece for piece in index.pieces.values() if piece.case_id == "case-8")
    assert kept.load() == RECORDINGS[8][2]


def test_after_any_changes_a_search_is_that_of_an_index_built_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_index, "_SHARD_ROWS", 100)
    monkeypatch.setattr(indexed_gallery, "_GROWTH", 2)
    random, table, index = np.random.default_rng(7), PieceTable(), ReferenceIndex()
    present: dict[int, Entry] = {}
    for offset in range(60):
        for number in random.choice(N, random.integers(1, 12), replace=False).tolist():
            if number in present and random.random() < 0.4:
                table.erase(present.pop(number)[0])
            else:  # a new one, or the same written again
                key, case, _ = present[number] = RECORDINGS[number]
                table.put(key, case, offset)
        index = index.changed(*table.change())
        if offset % 6 == 0:
            _assert_alike(index, ReferenceIndex(present.values()), random)
    assert len(present) > space_index.MANY * 2 // 3


def _assert_alike(index: ReferenceIndex, fresh: ReferenceIndex, random: np.random.Generator) -> None:
    names = [sorted(one.reference for one in each.pieces.values()) for each in (index, fresh)]
    assert (names[0], index.n_pieces, is_indexed(index)) == (names[1], fresh.n_pieces, is_indexed(fresh))
    for number in random.choice(N, 10, replace=False).tolist():
        copy = query(near(scenes(number), 0.6, seed=number), range(24))
        found, expected = ([one for one in each.search(copy) if one.score > 0.3] for each in (index, fresh))
        assert found == expected  # of a lower score there may be more by chance, as their codes differ


@pytest.mark.parametrize("is_added", [True, False])
def test_a_change_copies_as_little_of_many_references_as_of_few(is_added: bool) -> None:
    few, many = (_peak_bytes(n, is_added=is_added) for n in (100, 1_000))
    assert many < 1.2 * few


def _peak_bytes(n: int, *, is_added: bool) -> int:
    """Return the memory that one more reference, or one less, takes at most while it changes an index of so many."""
    pieces = [Piece.of(*entry(piece(unit(1, COLUMNS, seed=at), [0.0]), f"case-{at}"), number=at) for at in range(n + 2)]
    index = ReferenceIndex().changed([], pieces[:n]).changed([], [pieces[n]])
    tracemalloc.start()
    index.changed(*([], [pieces[-1]]) if is_added else ([pieces[n // 2]], []))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
