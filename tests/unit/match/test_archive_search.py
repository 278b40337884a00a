"""Steps of the archive search: what is withdrawn or expired goes, and an outage of the broker interrupts nothing."""

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from msgspec.structs import replace

from schemas.codec import Codec
from schemas.messages import Case, Descriptors, Interval, Match, Reference, Search
from streams.cases.open_cases import ReferenceKeeper
from streams.engine.outage import Outage
from streams.errors import WorkerError
from streams.kafka.range_reader import RangeRecord
from streams.match import archive_search, piece_search, search_report
from streams.match.archive import CandidateRule, Hit
from streams.match.archive_search import ArchiveSearch
from streams.match.live_index import LiveIndex
from streams.match.progress import Progress
from tests.support.deadline import DEADLINE_S
from tests.unit.match.made_context import made_context
from tests.unit.match.test_reference_index import FILM, entry, excerpt, piece

CODEC = Codec()
TIMED_OUT = KafkaException(KafkaError(KafkaError._TIMED_OUT))


class Topic:
    """Partition 0 with copies of the film, and partition 1, which another worker has now."""

    def __init__(self, n_records: int = 3) -> None:
        self.value = CODEC.encode("descriptors", excerpt(30, 50))
        self.n_records = n_records
        self.first_offset = 0
        self.n_asked = self.n_reads_of_some = 0
        self.failing: set[str] = set()

    def _fail_once(self, query: str) -> None:
        if query in self.failing:
            self.failing.remove(query)
            raise TIMED_OUT

    def committed(self, partitions: Collection[int]) -> dict[int, int]:
        self._fail_once("committed")
        self.n_asked += 1
        return dict.fromkeys(partitions, self.n_records)

    def first(self, partition: int) -> int:
        self._fail_once(f"first of {partition}")
        return self.first_offset

    def records(self, partition: int, offsets: Collection[int]) -> Iterator[RangeRecord]:
        self._fail_once("read of some")
        self.n_reads_of_some += 1
        return (record for record in self._read(partition, 0, self.n_records) if record.offset in offsets)

    def read(self, partition: int, start: int, end: int) -> Iterator[RangeRecord]:
        self._fail_once("read of a range")
        return self._read(partition, start, end)

    def _read(self, partition: int, start: int, end: int) -> Iterator[RangeRecord]:
        assert partition == 0
        for offset in range(max(start, self.first_offset), min(end, self.n_records)):
            yield RangeRecord(offset, self.value, {})


class MemoryArchive:
    """Archive in which every reference finds every segment."""

    def __init__(self) -> None:
        self.hits = {Hit(1, 5)}
        self.n_syncs = 0
        self.on_search: Callable[[], None] = lambda: None
        self.on_compact: Callable[[], int] = lambda: 0
        self.on_piece: Callable[[Reference], None] = lambda _: None

    def add(self, hit: Hit, descriptors: Descriptors) -> None:
        assert descriptors.modality == "visual"
        self.hits.add(hit)

    def sync(self) -> None:
        self.n_syncs += 1

    def compact(self) -> int:
        return self.on_compact()

    def search(self, reference: Reference, partitions: Collection[int], rule: CandidateRule) -> set[Hit]:
        assert (reference.modality, round(rule.floor, 2)) == ("visual", 0.3)
        self.on_piece(reference)
        self.on_search()
        return {hit for hit in self.hits if hit.partition in partitions}

    def expire(self, first: Callable[[int], int]) -> int:
        expired = {hit for hit in self.hits if hit.offset < first(hit.partition)}
        self.hits -= expired
        return len(expired)

    def close(self) -> None:
        pass


class Cases:
    """Open cases."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.changed: Callable[[], None] = lambda: None

    def keep_references(self, keeper: ReferenceKeeper) -> None:
        self.keeper = keeper

    def put(self, entries: list[tuple[str, Case, Reference]]) -> None:
        """Replace all entries by these."""
        for key in self.keys:
            self.keeper.erase(key)
        self.keys = [key for key, _, _ in entries]
        for offset, (key, case, _) in enumerate(entries):
            self.keeper.put(key, case, offset)
        self.changed()

    async def start(self) -> None:
        pass

    def listen(self, changed: Callable[[], None]) -> None:
        self.changed = changed

    def count(self) -> int:
        return len(self.keys)


class Rig:
    """An archive search of partition 0 with everything around it made."""

    def __init__(self, folder: Path) -> None:
        self.topic, self.archive, self.cases = Topic(), MemoryArchive(), Cases()
        self.progress = Progress(folder / "progress")
        self.sent: list[str] = []
        self.before_send: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)
        self.reports: list[Search] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.outage = Outage(DEADLINE_S)
        self.live = LiveIndex(self.cases)  # type: ignore[arg-type]
        context = made_context(CODEC, self.send, lambda _: {0})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(archive_search, "RangeReader", lambda *_, **__: self.topic)
            self.search = ArchiveSearch(
                context, self.archive, self.progress, self.live, lambda _, matches: list(matches)
            )

    async def _run_in_background(self, work: Callable[[], Awaitable[None]]) -> None:
        """Start it again while the broker does not answer, as the stage's context does."""
        while True:
            try:
                return await work()
            except KafkaException as error:
                if not self.outage.may_retry(error):
                    raise

    async def send(self, topic: str, key: str, message: Any) -> None:
        if topic == "searches":
            assert key == str(message.partition)
            self.reports.append(message)
        else:
            await self.before_send()
            self.sent += [match.case_id for match in message.matches]

    def open(self, *case_ids: str) -> None:
        pieces = [entry(piece(FILM, list(range(len(FILM)))), case_id) for case_id in case_ids]
        self.cases.put(pieces)

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not reached():
                assert not any(task.done() for task in self.tasks), [
                    task.result() for task in self.tasks if task.done()
                ]
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.tasks = [
            asyncio.create_task(self.live.run()),
            asyncio.create_task(self._run_in_background(self.search.run)),
        ]
        try:
            yield
        finally:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)


def contents(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_nothing_of_a_withdrawn_case_is_left_in_memory_or_on_disk(rig: Rig, tmp_path: Path) -> None:
    rig.open("kept", "withdrawn")
    async with rig.running():
        await rig.until(lambda: len(rig.progress.searched(0)) == 2)
        rig.progress.mark_searched({1}, next(iter(rig.live._index.pieces)))  # another worker's partition now
        index = weakref.ref(rig.live._index)
        tokens = set(index().pieces)  # type: ignore[union-attr]
        rig.open("kept")
        await rig.until(lambda: len(rig.progress.searched(0)) == 1)
        (kept,) = rig.progress.searched(0)
        (gone,) = tokens - {kept}
        assert rig.progress.searched(1) <= {kept}
        await rig.until(lambda: rig.search._unsearched.of([0]) == {})
        assert gone.encode() not in contents(tmp_path)
        await rig.until(lambda: gc.collect() >= 0 and index() is None)


async def test_a_case_withdrawn_amid_its_search_is_searched_no_further(rig: Rig) -> None:
    rig.topic.n_records = 30
    loop = asyncio.get_running_loop()

    def withdraw() -> None:
        loop.call_soon_threadsafe(rig.open, "other")
        asyncio.run_coroutine_threadsafe(rig.until(lambda: len(rig.live._index.pieces) == 1), loop).result(DEADLINE_S)
        rig.archive.on_search = lambda: None

    rig.archive.on_search = withdraw
    async with rig.running():
        await rig.until(lambda: 0 in rig.search._catch_up.done)
        rig.open("withdrawn", "other")
        await rig.until(lambda: len(rig.progress.searched(0)) == 1)
    assert "withdrawn" not in rig.sent
    assert rig.sent.count("other") == 30


async def test_the_next_segments_are_read_while_the_scores_of_some_are_delivered(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piece_search, "_BATCH", 2)
    rig.topic.n_records = 6
    rig.before_send = lambda: rig.until(lambda: rig.topic.n_reads_of_some >= min(3, 2 + len(rig.sent) // 2))
    async with rig.running():
        await rig.until(lambda: 0 in rig.search._catch_up.done)
        rig.open("case")
        await rig.until(lambda: len(rig.progress.searched(0)) == 1)
    assert len(rig.sent) == 6
    assert rig.topic.n_reads_of_some == 3


async def test_segments_of_another_worker_are_compared_with_the_lists_of_others_too(rig: Rig) -> None:
    whole = Interval(start_s=0.0, end_s=1.0)
    found = Match(case_id="list-a", reference_id="pdq-00", score=0.9, query=whole, reference=whole)

    async def current() -> Any:
        return SimpleNamespace(search=lambda _: [found])

    rig.search._catch_up._lists = SimpleNamespace(index=current)  # type: ignore[assignment]
    async with rig.running():
        await rig.until(lambda: 0 in rig.search._catch_up.done)
    assert rig.sent == ["list-a"] * rig.topic.n_records


async def test_what_the_topic_no_longer_retains_is_deleted_also_in_partitions_of_other_workers(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_search, "_EXPIRY_S", 0.0)
    async with rig.running():
        await rig.until(lambda: len(rig.archive.hits) == 4)
        rig.topic.first_offset = 2
        await rig.until(lambda: rig.archive.hits == {Hit(0, 2), Hit(1, 5)})
        rig.topic.first_offset = 6
        await rig.until(lambda: rig.archive.hits == set())


@pytest.mark.parametrize("query", ["committed", "first of 0", "first of 1", "read of a range", "read of some"])
async def test_every_question_to_the_broker_is_asked_again_after_a_failure(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(archive_search, "_EXPIRY_S", 0.0)
    rig.topic.failing = {query}
    rig.outage.may_retry(TIMED_OUT)
    async with rig.running():
        await rig.until(lambda: 0 in rig.search._catch_up.done)
        rig.open("case")
        await rig.until(lambda: len(rig.progress.searched(0)) == 1 and not rig.topic.failing)
    assert rig.sent.count("case") >= 3


async def test_a_new_case_does_not_wait_for_a_compaction(rig: Rig) -> None:
    begun, ended = threading.Event(), threading.Event()

    def compact() -> int:
        begun.set()
        assert ended.wait(DEADLINE_S)
        return 0

    async with rig.running():
        await rig.until(lambda: 0 in rig.search._catch_up.done)
        rig.archive.on_compact = compact
        await rig.until(begun.is_set)
        rig.open("case")
        await rig.until(lambda: len(rig.progress.searched(0)) == 1)
        ended.set()


async def test_an_error_of_a_compaction_ends_the_search(rig: Rig) -> None:
    def fail() -> int:
        raise WorkerError("disk", "the disk is full")

    async with asyncio.timeout(DEADLINE_S), rig.running():
        await rig.until(lambda: 0 in rig.search._catch_up.done)
        rig.archive.on_compact = fail
        with pytest.raises(WorkerError, match="full"):
            await rig.tasks[1]


async def test_a_clip_does_not_wait_for_the_film_of_an_earlier_case(rig: Rig) -> None:
    loop = asyncio.get_running_loop()
    film = [entry(replace(piece(FILM, list(range(len(FILM)))), segment=number), "film") for number in range(40)]
    clip = entry(piece(FILM[:5], list(range(5))), "clip")
    searched: list[int] = []

    def open_clip() -> None:
        loop.call_soon_threadsafe(change, [*film, clip])
        asyncio.run_coroutine_threadsafe(rig.until(lambda: len(rig.live._index.pieces) == 41), loop).result(DEADLINE_S)
        rig.archive.on_search = lambda: None

    def change(entries: list[tuple[str, Case, Reference]]) -> None:
        rig.cases.put(entries)

    rig.archive.on_search = open_clip
    rig.archive.on_piece = lambda reference: searched.append(reference.vectors.rows)
    async with rig.running():
        change(film)
        await rig.until(lambda: len(rig.progress.searched(0)) == 41)
    assert len(searched) == 41
    assert searched.index(5) == 1


async def test_a_piece_with_many_hits_is_paused_and_none_of_them_is_scored_twice(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piece_search, "_TURN_S", 0.0)
    monkeypatch.setattr(piece_search, "_BATCH", 1)
    rig.topic.n_records = len(FILM) + 2  # more hits left after the first than the other has rows
    async with rig.running():
        await rig.until(lambda: 0 in rig.search._catch_up.done)
        rig.open("popular", "other")
        await rig.until(lambda: len(rig.progress.searched(0)) == 2)
    assert (rig.sent.count("popular"), rig.sent.count("other")) == (len(FILM) + 2, len(FILM) + 2)
    assert rig.sent.index("other") == 1  # the turn goes to the one with less work left
    assert not rig.search._pieces._paused


async def test_what_is_left_of_a_search_is_written_and_that_nothing_is_left(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_report, "REPORT_S", 0.0)
    film = [entry(replace(piece(FILM, list(range(len(FILM)))), segment=number), "film") for number in range(3)]
    clip = entry(piece(FILM[:5], list(range(5))), "clip")
    async with rig.running():
        await rig.until(lambda: bool(rig.reports))
        assert (rig.reports[-1].left, rig.reports[-1].cases, rig.reports[-1].reach) == (0, [], -1)
        rig.cases.put([*film, clip])
        await rig.until(lambda: len(rig.reports) > 1 and rig.reports[-1].left == 0)
        n_written = len(rig.reports)
        await rig.until(lambda: len(rig.progress.searched(0)) == 4)
        rig.cases.changed()  # nothing new: nothing is written
        await rig.until(lambda: not rig.live.swapped.is_set())
    left = [{one.case_id: one.left for one in report.cases} for report in rig.reports[1:n_written]]
    assert left[0] == {"film": 3 * len(FILM)}  # the clip, which is shorter, came first
    assert [sum(of_one.values()) for of_one in left] == sorted(
        (report.left for report in rig.reports[1:]), reverse=True
    )
    assert (rig.reports[-1].cases, rig.reports[-1].n_cases) == ([], 0)
    assert rig.reports[-1].reach == 3
    assert len(rig.reports) == n_written


async def test_a_worker_that_starts_writes_where_each_of_its_partitions_is(rig: Rig, tmp_path: Path) -> None:
    rig.open("case")
    async with rig.running():
        await rig.until(lambda: len(rig.progress.searched(0)) == 1 and rig.reports[-1:] != [])
    rig.progress.close()
    again = Rig(tmp_path)
    again.open("case")
    async with again.running():
        await again.until(lambda: bool(again.reports))
    assert [(report.partition, report.left) for report in again.reports] == [(0, 0)]


async def test_the_archive_is_written_to_disk_again_only_after_more_was_committed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_search, "_ASSIGNMENT_POLL_S", 0.01)
    rig.open("case")
    async with rig.running():
        await rig.until(lambda: len(rig.progress.searched(0)) == 1)
        n_syncs, n_asked = rig.archive.n_syncs, rig.topic.n_asked
        await rig.until(lambda: rig.topic.n_asked > n_asked + 2)
        assert rig.archive.n_syncs == n_syncs
        rig.topic.n_records += 1
        await rig.until(lambda: rig.archive.n_syncs == n_syncs + 1)
        await rig.until(lambda: rig.progress.end(0) == rig.topic.n_records)
