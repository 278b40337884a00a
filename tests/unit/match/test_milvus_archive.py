"""The archive stores segments, over restarts and crashes, and finds them by vector and by digest."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from schemas.matrix import pack
from schemas.messages import Descriptors, Modality, Reference
from streams.errors import UsageError
from streams.match import archive_codes, merge_order, milvus_archive, packed_slices, slice_store, slices
from streams.match.archive import Hit
from streams.match.coded_slice import CodedSlice
from streams.match.late_candidates import AnyRow
from streams.match.milvus_archive import MilvusArchive
from streams.match.packed_slices import PackedSlice
from tests.support.deadline import DEADLINE_S
from tests.unit.made_messages import segment

COLUMNS = 64
ALL = range(8)
LIKE = AnyRow(0.9)


def vectors(n: int, seed: int = 0, columns: int = COLUMNS) -> npt.NDArray[np.float32]:
    made = np.random.default_rng(seed).normal(size=(n, columns)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def descriptors(
    rows: npt.NDArray[np.float32], *digests: bytes, model: str = "m", modality: Modality = "visual"
) -> Descriptors:
    return Descriptors(
        descriptor_id="d",
        segment=segment(),
        modality=modality,
        model=model,
        version="1",
        vectors=pack(rows),
        times_s=[float(row) for row in range(len(rows))],
        digests=list(digests),
    )


def reference(
    rows: npt.NDArray[np.float32], *digests: bytes, model: str = "m", modality: Modality = "visual"
) -> Reference:
    return Reference(
        reference_id="r",
        segment=0,
        modality=modality,
        model=model,
        version="1",
        start_s=0.0,
        duration_s=60.0,
        vectors=pack(rows),
        times_s=[float(row) for row in range(len(rows))],
        digests=list(digests),
    )


def digest(number: int) -> bytes:
    return number.to_bytes(16, "big")


@pytest.fixture
def open_archive(tmp_path: Path) -> Iterator[Callable[[], MilvusArchive]]:
    """Open the test's archive, after closing it if it is open."""
    opened: list[MilvusArchive] = []

    def reopen() -> MilvusArchive:
        while opened:
            opened.pop().close()
        opened.append(MilvusArchive(tmp_path / "archive"))
        return opened[-1]

    yield reopen
    while opened:
        opened.pop().close()


@pytest.fixture
def archive(open_archive: Callable[[], MilvusArchive]) -> MilvusArchive:
    return open_archive()


def test_a_segment_is_found_by_any_of_its_vectors(archive: MilvusArchive) -> None:
    rows = vectors(30)
    archive.add(Hit(0, 7), descriptors(rows))
    archive.add(Hit(0, 8), descriptors(vectors(30, seed=1)))
    assert archive.search(reference(rows[29:]), ALL, LIKE) == {Hit(0, 7)}


def test_the_floor_is_a_cosine(archive: MilvusArchive) -> None:
    query, other = np.eye(2, COLUMNS, dtype=np.float32)
    archive.add(Hit(0, 0), descriptors((0.8 * query + 0.6 * other)[np.newaxis]))
    archive.add(Hit(0, 1), descriptors((0.5 * query + 0.75**0.5 * other)[np.newaxis]))
    assert archive.search(reference(query[np.newaxis]), ALL, AnyRow(0.7)) == {Hit(0, 0)}
    assert archive.search(reference(query[np.newaxis]), ALL, AnyRow(0.4)) == {Hit(0, 0), Hit(0, 1)}


def test_only_the_wanted_partitions_are_searched(archive: MilvusArchive) -> None:
    rows = vectors(3)
    for partition in range(3):
        archive.add(Hit(partition, 5), descriptors(rows, digest(1)))
    assert archive.search(reference(rows), {1}, AnyRow(0.5)) == {Hit(1, 5)}
    assert archive.search(reference(rows[:0], digest(1)), {0, 2}, AnyRow(0.5)) == {Hit(0, 5), Hit(2, 5)}
    assert archive.search(reference(rows, digest(1)), set(), AnyRow(0.5)) == set()


def test_a_text_is_found_by_a_shared_digest(archive: MilvusArchive) -> None:
    archive.add(Hit(0, 1), descriptors(vectors(2), digest(1), digest(2), modality="text"))
    archive.add(Hit(0, 2), descriptors(vectors(0), digest(2), digest(3), modality="text"))
    wanted = reference(vectors(0), digest(3), digest(4), modality="text")
    assert archive.search(wanted, ALL, AnyRow(0.6)) == {Hit(0, 2)}


def test_a_post_with_more_digests_than_a_row_holds_is_found_by_its_last(archive: MilvusArchive) -> None:
    archive.add(Hit(0, 1), descriptors(vectors(1), *map(digest, range(9_000)), modality="text"))
    assert archive.search(reference(vectors(0), digest(8_999), modality="text"), ALL, AnyRow(0.6)) == {Hit(0, 1)}


def test_an_empty_reference_finds_nothing(archive: MilvusArchive) -> None:
    archive.add(Hit(0, 1), descriptors(vectors(2), digest(1)))
    assert archive.search(reference(vectors(0)), ALL, AnyRow(0.5)) == set()


def test_an_empty_segment_is_stored_without_harm(archive: MilvusArchive) -> None:
    archive.add(Hit(0, 1), descriptors(vectors(0)))
    assert archive.search(reference(vectors(1)), ALL, AnyRow(-1.0)) == set()


def test_models_and_widths_are_kept_apart(archive: MilvusArchive) -> None:
    rows = vectors(2)
    archive.add(Hit(0, 0), descriptors(rows, model="one"))
    archive.add(Hit(0, 1), descriptors(rows, model="two"))
    archive.add(Hit(0, 2), descriptors(rows, model="one", modality="audio"))
    archive.add(Hit(0, 3), descriptors(vectors(2, columns=32), model="one"))
    assert archive.search(reference(rows, model="one"), ALL, AnyRow(-1.0)) == {Hit(0, 0)}
    assert archive.search(reference(vectors(1, columns=32), model="one"), ALL, AnyRow(-1.0)) == {Hit(0, 3)}
    assert archive.search(reference(rows, model="three"), ALL, AnyRow(-1.0)) == set()


def test_adding_the_same_again_changes_nothing(archive: MilvusArchive) -> None:
    rows = vectors(5)
    for _ in range(3):
        archive.add(Hit(0, 1), descriptors(rows, digest(1)))
    assert archive.search(reference(rows, digest(1)), ALL, AnyRow(0.5)) == {Hit(0, 1)}
    (one,) = archive._slices.of("visual_m_1_64")
    kept = archive._store.client.query(one.name, filter="part == 0", output_fields=["key"])
    assert len(kept) == len(rows)


def test_every_segment_of_thousands_alike_is_found(archive: MilvusArchive) -> None:
    rows = vectors(1)
    for offset in range(1_500):
        archive.add(Hit(0, offset), descriptors(rows, digest(1)))
    assert len(archive.search(reference(rows), ALL, LIKE)) == 1_500
    assert len(archive.search(reference(rows[:0], digest(1)), ALL, LIKE)) == 1_500


def test_segments_outlive_a_restart(open_archive: Callable[[], MilvusArchive]) -> None:
    archive = open_archive()
    archive.add(Hit(0, 1), descriptors(vectors(2), digest(1)))
    archive.sync()
    archive = open_archive()
    assert archive.search(reference(vectors(1)), ALL, AnyRow(0.1)) == {Hit(0, 1)}


_ADD_ENDLESSLY = """
import sys
from itertools import count
from tests.unit.match.test_milvus_archive import MilvusArchive, Hit, descriptors, digest, vectors
archive = MilvusArchive(sys.argv[1])
for offset in count():
    archive.add(Hit(0, offset), descriptors(vectors(3, seed=offset), digest(offset)))
    print(offset, flush=True)
"""


def test_everything_confirmed_as_archived_outlives_a_kill_amid_adds(tmp_path: Path) -> None:
    for _ in range(2):  # the second starts with the data of the first
        with subprocess.Popen(
            [sys.executable, "-c", _ADD_ENDLESSLY, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            last = next(int(line) for line in process.stdout if int(line) >= 40)
            process.send_signal(signal.SIGKILL)
            last = max([last, *(int(line) for line in process.stdout if line.endswith("\n"))])
        archive = MilvusArchive(tmp_path)
        try:
            for offset in range(0, last + 1, 10):
                assert Hit(0, offset) in archive.search(reference(vectors(1, seed=offset)), ALL, LIKE)
                assert archive.search(reference(vectors(0), digest(offset)), ALL, LIKE) == {Hit(0, offset)}
        finally:
            archive.close()


def test_a_second_process_on_the_folder_gets_one_error(archive: MilvusArchive, tmp_path: Path) -> None:
    assert archive.search(reference(vectors(1)), ALL, AnyRow(0.5)) == set()
    code = (
        "import sys; from streams.match.milvus_archive import MilvusArchive\n"
        "try: MilvusArchive(sys.argv[1])\n"
        "except Exception as error: print(repr(error))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "archive")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    assert done.stdout.startswith("UsageError('archive ")
    assert "another worker" in done.stdout
    assert done.stderr == ""


def test_a_folder_that_cannot_be_created_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be opened"):
        MilvusArchive(tmp_path / "file" / "archive")


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of five rows, of which two are open at once."""
    monkeypatch.setattr(slices, "ROWS", 5)
    monkeypatch.setattr(slice_store, "_MAX_OPEN", 2)


def fill(archive: MilvusArchive, partition: int, offsets: Iterable[int]) -> None:
    """Add segments of five rows, each a slice of its own, and make files of those that are full."""
    for offset in offsets:
        add(archive, partition, offset)
        archive._pack_full()


def add(archive: MilvusArchive, partition: int, offset: int) -> None:
    archive.add(Hit(partition, offset), descriptors(vectors(5, seed=1000 * partition + offset), digest(offset)))


def n_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def found_offsets(archive: MilvusArchive, partition: int, offsets: Iterable[int]) -> set[int]:
    return {
        offset
        for offset in offsets
        if Hit(partition, offset) in archive.search(reference(vectors(1, seed=1000 * partition + offset)), ALL, LIKE)
    }


@pytest.mark.usefixtures("small_slices")
def test_slices_closed_in_between_are_found_before_and_after_a_restart(
    open_archive: Callable[[], MilvusArchive],
) -> None:
    archive = open_archive()
    fill(archive, 0, range(8))
    assert found_offsets(archive, 0, range(8)) == set(range(8))
    assert len(archive._store._open) <= 2
    archive = open_archive()
    fill(archive, 0, range(7, 10))  # 7 is added again
    assert found_offsets(archive, 0, range(10)) == set(range(10))
    assert archive.search(reference(vectors(0), digest(3)), ALL, LIKE) == {Hit(0, 3)}


@pytest.mark.usefixtures("small_slices")
def test_what_the_topic_no_longer_retains_is_deleted_with_its_files(
    open_archive: Callable[[], MilvusArchive],
) -> None:
    archive = open_archive()
    fill(archive, 0, range(8))
    fill(archive, 1, range(8))
    before = n_bytes(archive.folder)
    assert archive.expire({0: 6, 1: 0}.__getitem__) == 6
    assert archive.expire({0: 6, 1: 0}.__getitem__) == 0
    assert n_bytes(archive.folder) < 0.7 * before
    assert found_offsets(archive, 0, range(8)) == {6, 7}
    assert found_offsets(archive, 1, range(8)) == set(range(8))
    archive = open_archive()
    assert archive.expire(lambda _: 100) == 10  # also the newest, which is still written to
    assert n_bytes(archive.folder) < 0.1 * before
    fill(archive, 0, [100])
    assert archive.search(reference(vectors(1, seed=100)), {0}, AnyRow(0.9)) == {Hit(0, 100)}


def test_a_slice_that_expires_is_kept_if_a_record_is_added(archive: MilvusArchive) -> None:
    fill(archive, 0, [1])
    assert archive.expire(lambda _: 1) == 0  # its last offset is kept in memory now
    fill(archive, 0, [2])
    fill(archive, 3, [0])
    assert archive.expire({0: 3, 3: 0}.__getitem__) == 0
    assert archive.expire({0: 3, 3: 1}.__getitem__) == 1


@pytest.mark.usefixtures("small_slices")
def test_expiry_goes_on_where_a_kill_stopped_it(
    open_archive: Callable[[], MilvusArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(milvus_archive, "_MAX_DROPS", 3)
    archive = open_archive()
    fill(archive, 0, range(8))
    assert archive.expire(lambda _: 7) == 3
    archive = open_archive()
    assert [archive.expire(lambda _: 7) for _ in range(3)] == [3, 1, 0]
    assert found_offsets(archive, 0, range(8)) == {7}


def test_a_slice_is_kept_whole_until_its_last_record_has_expired(archive: MilvusArchive) -> None:
    fill(archive, 0, range(3))
    assert archive.expire(lambda _: 2) == 0
    assert found_offsets(archive, 0, range(3)) == {0, 1, 2}


def test_a_search_holds_up_only_adds_to_the_slice_that_it_is_at(archive: MilvusArchive) -> None:
    fill(archive, 0, [2])
    (first,) = archive._slices.of("visual_m_1_64")
    with ThreadPoolExecutor(2) as pool:
        with archive._store.using(first):  # as a search does
            searching = pool.submit(archive.search, reference(vectors(1, seed=2)), ALL, LIKE)
            archive.add(Hit(0, 3), descriptors(vectors(5), modality="audio"))
            assert not searching.done()
        assert searching.result(DEADLINE_S) == {Hit(0, 2)}


@pytest.mark.usefixtures("small_slices")
def test_a_full_slice_leaves_the_engine_and_takes_a_byte_a_number(archive: MilvusArchive) -> None:
    fill(archive, 0, range(5))
    one, *_, last = archive._slices.of("visual_m_1_64")
    assert archive._store.client.list_collections() == [last.name]
    content = archive._files.read(one)
    assert isinstance(content, PackedSlice)
    assert content.rows.nbytes == 5 * COLUMNS


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("way", ["compact", "close", "kill"])
def test_no_add_waits_until_a_full_slice_has_left_the_engine(
    open_archive: Callable[[], MilvusArchive], way: str
) -> None:
    archive = open_archive()
    for offset in range(4):
        add(archive, 0, offset)
    *full, last = archive._slices.of("visual_m_1_64")
    assert set(archive._store.client.list_collections()) == {one.name for one in (*full, last)}
    assert found_offsets(archive, 0, range(4)) == set(range(4))
    if way == "kill":
        archive._full = SimpleQueue()  # what is not in files yet is in the engine, and nothing else of it is left
    if way != "compact":
        archive = open_archive()
    if way != "close":
        archive.compact()
    assert archive._store.client.list_collections() == [last.name]
    assert found_offsets(archive, 0, range(4)) == set(range(4))


def test_packed_rows_lose_nothing_that_the_engine_finds(
    open_archive: Callable[[], MilvusArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    query = vectors(20, columns=512)
    rows = [vectors(4, seed=seed, columns=512) + 0.5 * query[seed % 20] for seed in range(60)]
    rows = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in rows]
    archive = open_archive()
    for offset, each in enumerate(rows):
        archive.add(Hit(offset % 8, offset), descriptors(each))
    floors = np.linspace(0.2, 0.6, 20)
    in_engine = [archive.search(reference(query), {1, 4}, AnyRow(floor)) for floor in floors]
    monkeypatch.setattr(slices, "ROWS", 5)
    fill(archive, 0, [1_000])
    archive.add(Hit(0, 1_001), descriptors(vectors(1, columns=512)))
    archive._pack_full()
    assert len(archive._files.existing) == 1
    packed = [archive.search(reference(query), {1, 4}, AnyRow(floor)) for floor in floors]
    assert all(before <= after for before, after in zip(in_engine, packed, strict=True))
    assert sum(map(len, packed)) <= 1.05 * sum(map(len, in_engine))


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("n_kept", [0, 16])
def test_a_slice_is_packed_from_what_was_added_or_read_back(
    archive: MilvusArchive, monkeypatch: pytest.MonkeyPatch, n_kept: int
) -> None:
    monkeypatch.setattr(packed_slices, "_MAX_FILLING", n_kept)
    archive.add(Hit(1, 7), descriptors(vectors(3, seed=7), digest(7)))
    archive.add(Hit(0, 9), descriptors(vectors(2, seed=9), digest(8), digest(9)))
    fill(archive, 0, [10])
    assert found_offsets(archive, 0, [9, 10]) == {9, 10}
    assert archive.search(reference(vectors(0), digest(9)), ALL, LIKE) == {Hit(0, 9)}
    assert archive.search(reference(vectors(1, seed=7), digest(7)), {1}, AnyRow(0.9)) == {Hit(1, 7)}
    assert archive.expire({0: 10, 1: 7}.__getitem__) == 0
    assert archive.expire({0: 10, 1: 8}.__getitem__) == 1


@pytest.mark.usefixtures("small_slices")
def test_an_add_that_was_late_for_its_slice_is_kept_beside_the_file(
    open_archive: Callable[[], MilvusArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = open_archive()
    fill(archive, 0, [0])
    first = archive._slices.of("visual_m_1_64")[0]
    fill(archive, 0, [1])  # the first slice is packed now
    with monkeypatch.context() as patch:
        patch.setattr(archive._slices, "place", lambda *_: (first, None))
        fill(archive, 0, [2])
    assert found_offsets(archive, 0, range(3)) == {0, 1, 2}
    archive = open_archive()
    fill(archive, 0, [3])
    assert found_offsets(archive, 0, range(4)) == {0, 1, 2, 3}
    assert archive.expire({0: 2}.__getitem__) == 0  # the late one is in the first slice
    assert archive.expire({0: 4}.__getitem__) == 3
    assert archive._store.client.list_collections() == []


@pytest.mark.usefixtures("small_slices")
def test_a_kill_amid_the_packing_of_a_slice_loses_nothing(
    open_archive: Callable[[], MilvusArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = open_archive()
    fill(archive, 0, [0])
    with monkeypatch.context() as patch:
        patch.setattr(archive._store, "drop", lambda _: None)  # killed after the file was written
        fill(archive, 0, [1])
    (archive.folder / "packed" / "visual_m_1_64__1_0.part").write_bytes(b"half")  # killed before
    archive = open_archive()
    assert found_offsets(archive, 0, range(2)) == {0, 1}
    assert list((archive.folder / "packed").glob("*.part")) == []
    fill(archive, 0, [2])
    assert found_offsets(archive, 0, range(3)) == {0, 1, 2}


@pytest.mark.usefixtures("small_slices")
def test_full_slices_of_an_older_version_are_found_and_expire(
    open_archive: Callable[[], MilvusArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = open_archive()
    with monkeypatch.context() as patch:
        patch.setattr(archive, "_pack", archive._store.close_slice)  # as it did
        fill(archive, 0, range(4))
    archive = open_archive()
    fill(archive, 0, range(4, 6))
    assert found_offsets(archive, 0, range(6)) == set(range(6))
    assert archive.expire({0: 5}.__getitem__) == 5
    assert found_offsets(archive, 0, range(6)) == {5}


def test_a_collection_of_an_older_version_is_dropped_and_read_again(
    open_archive: Callable[[], MilvusArchive],
) -> None:
    slice_store._create(open_archive()._store.client, "progress", 2)
    assert open_archive()._store.client.list_collections() == []


@pytest.fixture
def pairs_of_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of five rows, of which two become one coded slice."""
    monkeypatch.setattr(slices, "ROWS", 5)
    monkeypatch.setattr(merge_order, "_TRAINED", 2)
    monkeypatch.setattr(merge_order, "_GROUP", 2)


def compact(archive: MilvusArchive) -> int:
    n_coded = 0
    while found := archive.compact():
        n_coded += found
    return n_coded


def n_files(archive: MilvusArchive) -> dict[str, int]:
    return {kind: len(list((archive.folder / "packed").glob(f"*.{kind}"))) for kind in ("slice", "lists", "part")}


@pytest.mark.usefixtures("pairs_of_slices")
def test_full_slices_of_a_week_become_codes_and_are_found_as_before(
    open_archive: Callable[[], MilvusArchive],
) -> None:
    archive = open_archive()
    fill(archive, 0, range(8))  # the last is in the engine
    assert compact(archive) == 7
    assert n_files(archive) == {"slice": 0, "lists": 4, "part": 0}
    for _ in range(2):
        assert found_offsets(archive, 0, range(8)) == set(range(8))
        assert archive.search(reference(vectors(0), digest(3)), ALL, LIKE) == {Hit(0, 3)}
        assert archive.search(reference(vectors(1, seed=3), digest(3)), {1}, LIKE) == set()
        archive = open_archive()
    fill(archive, 0, range(8, 10))
    assert compact(archive) == 2
    assert n_files(archive) == {"slice": 0, "lists": 5, "part": 0}
    assert found_offsets(archive, 0, range(10)) == set(range(10))


@pytest.fixture
def one_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the first codes suit all rows."""
    monkeypatch.setattr(archive_codes, "_ENOUGH", -1.0)


@pytest.mark.usefixtures("pairs_of_slices", "one_training")
def test_coded_slices_of_a_week_become_one_and_are_found_as_before(open_archive: Callable[[], MilvusArchive]) -> None:
    archive = open_archive()
    fill(archive, 0, range(9))
    before = [archive.search(reference(vectors(1, seed=seed), digest(seed)), ALL, LIKE) for seed in range(9)]
    compact(archive)
    assert n_files(archive) == {"slice": 0, "lists": 1, "part": 0}
    assert len(list((archive.folder / "packed").glob("*.codes"))) == 1
    for _ in range(2):
        found = [archive.search(reference(vectors(1, seed=seed), digest(seed)), ALL, LIKE) for seed in range(9)]
        assert all(one <= other for one, other in zip(before, found, strict=True))
        archive = open_archive()
    assert archive.expire(lambda _: 7) == 0
    assert archive.expire(lambda _: 8) == 1
    assert n_files(archive) == {"slice": 0, "lists": 0, "part": 0}
    open_archive()
    assert list((archive.folder / "packed").glob("*.codes")) == []


@pytest.mark.usefixtures("pairs_of_slices", "one_training")
def test_a_kill_amid_a_merge_loses_nothing_and_leaves_no_file_twice(
    open_archive: Callable[[], MilvusArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = open_archive()
    fill(archive, 0, range(5))
    assert [archive.compact(), archive.compact()] == [2, 2]
    with monkeypatch.context() as patch:
        patch.setattr(archive, "_forget_file", lambda _: None)  # killed after the merged slice was written
        assert archive.compact() == 2
    assert n_files(archive) == {"slice": 0, "lists": 2, "part": 0}
    archive = open_archive()
    assert n_files(archive) == {"slice": 0, "lists": 1, "part": 0}
    found = [archive.search(reference(vectors(0), digest(seed)), ALL, LIKE) for seed in range(5)]
    assert found == [{Hit(0, seed)} for seed in range(5)]


@pytest.mark.usefixtures("pairs_of_slices")
def test_a_coded_slice_expires_with_its_last_record(open_archive: Callable[[], MilvusArchive]) -> None:
    archive = open_archive()
    fill(archive, 0, range(5))
    assert archive.expire(lambda _: 0) == 0  # the ends of the oldest slice are kept in memory now
    assert compact(archive) == 4
    assert archive.expire(lambda _: 1) == 0
    assert found_offsets(archive, 0, range(5)) == set(range(5))
    assert archive.expire(lambda _: 3) == 1
    assert found_offsets(archive, 0, range(5)) == {2, 3, 4}
    assert archive.expire(lambda _: 5) == 2
    assert n_files(archive) == {"slice": 0, "lists": 0, "part": 0}


@pytest.mark.usefixtures("pairs_of_slices")
def test_a_kill_amid_coding_loses_nothing_and_leaves_no_file_twice(
    open_archive: Callable[[], MilvusArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = open_archive()
    fill(archive, 0, range(5))
    with monkeypatch.context() as patch:
        patch.setattr(archive, "_forget_file", lambda _: None)  # killed after the codes were written
        assert archive.compact() == 2
    (archive.folder / "packed" / "visual_m_1_64__timed_0_9.part").write_bytes(b"half")  # killed before
    assert n_files(archive) == {"slice": 3, "lists": 1, "part": 1}
    archive = open_archive()
    assert n_files(archive) == {"slice": 2, "lists": 1, "part": 0}
    assert compact(archive) == 2
    assert found_offsets(archive, 0, range(5)) == set(range(5))


@pytest.mark.usefixtures("pairs_of_slices")
def test_nothing_expires_amid_a_compaction_and_nothing_is_compacted_twice(
    archive: MilvusArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = CodedSlice.of
    fill(archive, 0, range(4))

    def meanwhile(*given: Any, **named: Any) -> CodedSlice:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(archive.compact).result(DEADLINE_S) == 0
            assert pool.submit(archive.expire, lambda _: 4).result(DEADLINE_S) == 0
            assert pool.submit(found_offsets, archive, 0, range(4)).result(DEADLINE_S) == set(range(4))
        return of(*given, **named)

    monkeypatch.setattr(CodedSlice, "of", meanwhile)
    assert archive.compact() == 2
    assert found_offsets(archive, 0, range(4)) == set(range(4))
    assert archive.expire(lambda _: 4) == 3


@pytest.mark.usefixtures("pairs_of_slices")
def test_an_add_to_a_slice_that_has_become_part_of_another_is_kept(
    open_archive: Callable[[], MilvusArchive], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = open_archive()
    fill(archive, 0, range(3))
    first = archive._slices.of("visual_m_1_64")[0]
    assert compact(archive) == 2
    with monkeypatch.context() as patch:
        patch.setattr(archive._slices, "place", lambda *_: (first, None))
        fill(archive, 0, [3])
    for _ in range(2):
        assert found_offsets(archive, 0, range(4)) == set(range(4))
        archive = open_archive()
    assert archive.expire(lambda _: 4) == 3


@pytest.mark.usefixtures("pairs_of_slices")
def test_adds_go_on_while_slices_are_coded(archive: MilvusArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    of = CodedSlice.of
    fill(archive, 0, range(3))

    def add_meanwhile(*given: Any, **named: Any) -> CodedSlice:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(fill, archive, 0, range(3, 5)).result(DEADLINE_S)
        return of(*given, **named)

    monkeypatch.setattr(CodedSlice, "of", add_meanwhile)
    assert archive.compact() == 2
    assert found_offsets(archive, 0, range(5)) == set(range(5))


def test_an_archive_built_again_finds_what_one_outlived_by_a_kill_amid_coding_finds(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _CODE_ENDLESSLY, str(tmp_path / "killed")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        last = next(int(line) for line in process.stdout if int(line) >= 12)
        process.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in process.stdout if line.endswith("\n"))])
    found = []
    for name in ("killed", "again"):
        archive = MilvusArchive(tmp_path / name)
        if name == "again":
            fill(archive, 0, range(last + 1))
        found.append([archive.search(reference(vectors(1, seed=seed)), ALL, LIKE) for seed in range(last + 1)])
        archive.close()
    assert found[0] == found[1] == [{Hit(0, offset)} for offset in range(last + 1)]


_CODE_ENDLESSLY = """
import sys
from itertools import count
from streams.match import archive_codes, merge_order, slices
from tests.unit.match.test_milvus_archive import MilvusArchive, fill
slices.ROWS, merge_order._TRAINED, merge_order._GROUP = 5, 2, 2
archive = MilvusArchive(sys.argv[1])
for offset in count():
    fill(archive, 0, [offset])
    archive.compact()
    print(offset, flush=True)
"""


_USE_AND_CLOSE = """
import logging, sys, threading
from tests.unit.match.test_milvus_archive import ALL, LIKE, Hit, MilvusArchive, descriptors, digest, reference, vectors
logging.basicConfig(level=logging.WARNING)
archive = MilvusArchive(sys.argv[1])
archive.add(Hit(0, 1), descriptors(vectors(2), digest(1)))
archive.search(reference(vectors(1), digest(1)), ALL, LIKE)
archive.close()
left = [thread.name for thread in threading.enumerate() if "serve" in thread.name or "milvus" in thread.name]
assert not left, left
MilvusArchive(sys.argv[1]).close()
"""


def test_a_closed_archive_leaves_no_server_and_logs_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", _USE_AND_CLOSE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
