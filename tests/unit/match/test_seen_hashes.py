"""Hashes of past posts: all that a live comparison would find are candidates, and files expire."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from models.pdq.hash import NEAR_BITS, Bits, distances, turned
from schemas.messages import Descriptors, FrameHash
from streams.errors import WorkerError
from streams.match import seen_hashes
from streams.match.archive import Hit
from streams.match.seen_hashes import SeenHashes
from streams.match.seen_rows import Rows, candidates
from tests.unit.exchange.test_list_index import MANY, RNG, flipped, query


def frame(hashed: Bits, noise: int) -> FrameHash:
    """Return the eight hashes of a frame, of which seven differ by some bits from those that follow from the first."""
    eight = turned(hashed[None])[:, 0]
    return FrameHash(
        time_s=1.0, hashes=b"".join(flipped(each, noise * (n > 0)).tobytes() for n, each in enumerate(eight))
    )


def post(*frames: FrameHash, digests: tuple[bytes, ...] = ()) -> Descriptors:
    return replace(query(digests=digests), pdq=list(frames))


type Opened = Callable[[Path, Callable[[], int]], SeenHashes]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Return a function that opens a folder, which is closed after the test."""
    with ExitStack() as stack:
        yield lambda folder, complete: stack.enter_context(closing(SeenHashes(folder, complete)))


def rows_of(seen: SeenHashes, partition: int = 0) -> Rows:
    return np.concatenate([seen.read(one) for one in seen.files([partition])])


@pytest.mark.parametrize("noise", [0, 6, 24, 30])
def test_what_a_live_comparison_finds_is_a_candidate_in_every_position(
    opened: Opened, tmp_path: Path, noise: int
) -> None:
    seen = opened(tmp_path, lambda: 0)
    frames = [[frame(each, noise) for each in (MANY[n], flipped(MANY[n], 9), flipped(MANY[n], 30))] for n in range(20)]
    for offset, some in enumerate(frames):
        seen.add(Hit(0, offset), post(*some))
    rows = rows_of(seen)
    for n in range(20):
        near = frames[n][n % 3].hashes[32 * (n % 8) : 32 * (n % 8) + 32]
        wanted = flipped(np.frombuffer(near, np.uint8), NEAR_BITS)[None]
        live = {
            offset
            for offset, some in enumerate(frames)
            for each in some
            if (distances(np.frombuffer(each.hashes, np.uint8).reshape(8, 32), wanted) <= NEAR_BITS).any()
        }
        assert live <= candidates(rows, wanted, frozenset()) <= {n}
    assert candidates(rows, RNG.integers(0, 256, (50, 32), dtype=np.uint8), frozenset()) == set()


def test_frames_like_each_other_have_one_row_and_very_different_positions_have_eight(
    opened: Opened, tmp_path: Path
) -> None:
    seen = opened(tmp_path, lambda: 0)
    seen.add(Hit(0, 1), post(*(frame(flipped(MANY[0], n % 4), 2) for n in range(30))))
    assert len(rows_of(seen)) == 1
    seen.add(Hit(0, 2), post(frame(MANY[1], 25)))
    assert len(rows_of(seen)) == 1 + 8


def test_a_medium_is_found_by_its_digest(opened: Opened, tmp_path: Path) -> None:
    seen = opened(tmp_path, lambda: 0)
    one, other = post(digests=(b"one",)), post(digests=(b"other",))
    seen.add(Hit(0, 1), one)
    seen.add(Hit(0, 2), other)
    seen.add(Hit(0, 3), replace(other, modality="text"))
    rows, nothing = rows_of(seen), np.zeros((0, 32), np.uint8)
    assert candidates(rows, nothing, frozenset(other.digests)) == {2}
    assert candidates(rows, nothing, frozenset()) == set()


def test_a_file_is_full_or_of_one_week_and_has_the_time_at_which_it_was_begun(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_hashes, "_ROWS", 3)
    times = iter([10, 20, 30, 40])
    seen, one = opened(tmp_path, lambda: next(times)), post(frame(MANY[0], 0))
    for offset in range(4):
        seen.add(Hit(0, offset), one)
    at = one.segment.post.seen_at + timedelta(days=7)
    seen.add(Hit(0, 4), replace(one, segment=replace(one.segment, post=replace(one.segment.post, seen_at=at))))
    assert [(file.number, file.born) for file in seen.files([0])] == [(2, 30), (1, 20), (0, 10)]
    assert [len(seen.read(file)) for file in seen.files([0])] == [1, 1, 3]
    assert seen.files([1]) == []


def test_what_a_kill_has_cut_is_cut_off_and_a_file_goes_on_after_a_restart(opened: Opened, tmp_path: Path) -> None:
    seen = opened(tmp_path, lambda: 7)
    seen.add(Hit(3, 1), post(frame(MANY[0], 0)))
    seen.sync()
    seen.close()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes() + b"half of a row")
    again = opened(tmp_path, lambda: 9)
    again.add(Hit(3, 2), post(frame(MANY[1], 0)))
    assert [one.born for one in again.files([3])] == [7]
    assert rows_of(again, 3)["offset"].tolist() == [1, 2]


def test_files_go_with_the_retention_of_their_topic_also_the_newest(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_hashes, "_ROWS", 2)
    seen = opened(tmp_path, lambda: 0)
    for offset in range(5):
        seen.add(Hit(0, offset), post(frame(MANY[offset], 0)))
        seen.add(Hit(1, offset), post(frame(MANY[offset], 0)))
    first = {0: 3, 1: 0}
    assert [seen.expire(first.__getitem__) for _ in range(2)] == [1, 0]
    assert [one.number for one in seen.files([0])] == [2, 1]
    first[0] = 5
    assert [seen.expire(first.__getitem__) for _ in range(3)] == [1, 1, 0]
    assert (seen.files([0]), len(seen.files([1]))) == ([], 3)
    seen.add(Hit(0, 9), post(frame(MANY[0], 0)))
    assert rows_of(seen)["offset"].tolist() == [9]


def test_after_a_failure_of_the_disk_nothing_more_is_added(opened: Opened, tmp_path: Path) -> None:
    seen = opened(tmp_path / "hashes", lambda: 0)
    (tmp_path / "hashes").rmdir()
    with pytest.raises(WorkerError, match="archive of hashes"):
        seen.add(Hit(0, 1), post(frame(MANY[0], 0)))
    (tmp_path / "hashes").mkdir()
    with pytest.raises(WorkerError, match="archive of hashes"):
        seen.add(Hit(0, 1), post(frame(MANY[0], 0)))
