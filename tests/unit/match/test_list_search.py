"""Search of new entries of lists in past posts: what was compared live is not again, and a crash skips none."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.codec import Codec
from schemas.messages import CaseSearch, Descriptors, ListEntry, ListPart, Scores
from streams.exchange.list_index import ListIndex
from streams.kafka.range_reader import RangeReader, RangeRecord
from streams.match import list_search
from streams.match.archive import Hit
from streams.match.list_marks import ListMarks
from streams.match.list_search import ListSearch
from streams.match.past_segments import PastSegments
from streams.match.seen_hashes import SeenHashes
from tests.support.deadline import DEADLINE_S
from tests.unit.exchange.test_list_index import AT, KEY, MANY, flipped
from tests.unit.match.made_context import made_context
from tests.unit.match.test_seen_hashes import frame, post

CODEC = Codec()


def past_segments(records: Callable[[int, Sequence[int]], list[RangeRecord]]) -> PastSegments:
    """Return the reader of a topic whose records these are."""
    return PastSegments(cast("RangeReader", SimpleNamespace(records=records)), CODEC)


class Rig:
    """A search in partition 0, with the lists, the topic and the broker made."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.index = ListIndex(KEY)
        self.lists: Any = SimpleNamespace(index=self.current, complete=0, n_changes=0)
        self.seen = stack.enter_context(closing(SeenHashes(folder / "hashes", lambda: self.lists.complete)))
        self.marks = stack.enter_context(closing(ListMarks(folder / "lists.sqlite")))
        self.records: list[Descriptors] = []
        self.read: list[int] = []
        self.sent: list[Scores] = []
        self.on_send: Callable[[], None] = lambda: None
        self.owned = {0}
        self.search = self.made()

    def made(self) -> ListSearch:
        """Return the search as a worker that starts makes it."""
        context = made_context(CODEC, self.send, lambda _: self.owned)
        made = ListSearch(context, self.lists, self.seen, self.marks, lambda _, matches: list(matches))
        made._past = past_segments(self.stored)
        return made

    async def current(self) -> ListIndex:
        return self.index

    async def send(self, topic: str, key: str, message: Scores) -> None:
        assert (topic, key) == ("scores", message.segment.post.post_id)
        self.sent.append(message)
        self.on_send()

    def stored(self, partition: int, offsets: Sequence[int]) -> list[RangeRecord]:
        assert partition == 0
        self.read += offsets
        return [RangeRecord(offset, CODEC.encode("descriptors", self.records[offset]), {}) for offset in offsets]

    def saw(self, *posts: Descriptors) -> None:
        for one in posts:
            self.seen.add(Hit(0, len(self.records)), one)
            self.records.append(one)

    def imported(self, list_id: str, at: int, *hashes: bytes) -> None:
        """Put the whole list; what it has already keeps its time."""
        self.known = {**dict.fromkeys(hashes, at), **getattr(self, "known", {})}
        entries = [
            ListEntry(origin="x", kind="pdq" if len(each) == 32 else "md5", value=each, since=self.known[each])
            for each in hashes
        ]
        self.index.put(f"{list_id}/000", ListPart(list_id=list_id, part=0, entries=entries, at=AT))
        self.lists.complete, self.lists.n_changes = max(at, self.lists.complete), self.lists.n_changes + 1

    async def searched(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await self.search._search_once()


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(list_search, "_REST", 0.0)
    with ExitStack() as stack:
        yield Rig(tmp_path, stack)


async def test_a_list_is_searched_in_what_was_seen_before_its_import(rig: Rig) -> None:
    near = flipped(MANY[1], 20)
    rig.saw(post(frame(MANY[0], 0)), post(frame(near, 12)), post(digests=(b"m" * 16,)))
    rig.imported("list-a", 5, MANY[1].tobytes(), b"m" * 16)
    await rig.searched()
    found = [(match.case_id, match.reference_id) for one in rig.sent for match in one.matches]
    assert found == [("list-a", f"pdq-{MANY[1].tobytes().hex()}"), ("list-a", f"md5-{(b'm' * 16).hex()}")]
    assert rig.read == [1, 2]
    assert all(one.late for one in rig.sent)
    await rig.searched()
    assert len(rig.sent) == 2


async def test_how_many_files_are_compared_with_a_list_is_known_until_it_is_withdrawn(rig: Rig) -> None:
    rig.saw(post(frame(MANY[1], 0)))
    rig.imported("list-a", 5, MANY[1].tobytes())
    before: list[CaseSearch] = []
    rig.on_send = lambda: before.extend(rig.search.progress.of_partition(0))
    await rig.searched()
    assert before == [CaseSearch(case_id="list-a", left=1, of=1)]
    assert rig.search.progress.of_partition(0) == [CaseSearch(case_id="list-a", left=0, of=1)]
    assert rig.search.progress.of_partition(1) == []
    rig.index.erase("list-a/000")
    rig.lists.n_changes += 1
    await rig.searched()
    assert rig.search.progress.of_partition(0) == []


async def test_only_what_an_import_has_added_is_compared_and_a_new_file_not_at_all(rig: Rig) -> None:
    rig.saw(post(frame(MANY[0], 0), frame(MANY[1], 0)))
    rig.imported("list-a", 5, MANY[0].tobytes())
    await rig.searched()
    rig.imported("list-a", 6, MANY[0].tobytes(), MANY[1].tobytes())
    await rig.searched()
    assert [len(one.matches) for one in rig.sent] == [1, 1]
    assert rig.sent[0].score_id != rig.sent[1].score_id
    rig.seen.add(Hit(1, 0), post(frame(MANY[1], 0)))  # begun after the import: compared with it when it was live
    rig.owned = {0, 1}
    await rig.searched()
    assert len(rig.sent) == 2


async def test_an_import_that_is_not_read_whole_waits(rig: Rig) -> None:
    rig.saw(post(frame(MANY[0], 0)))
    rig.imported("list-a", 5, MANY[0].tobytes())
    rig.lists.complete = 0
    await rig.searched()
    assert rig.sent == []
    rig.lists.complete = 5
    await rig.searched()
    assert len(rig.sent) == 1


async def test_after_a_crash_the_same_scores_are_written_again_and_none_is_missing(rig: Rig) -> None:
    rig.saw(*(post(frame(flipped(MANY[0], n), 0)) for n in range(5)))
    rig.imported("list-a", 5, MANY[0].tobytes())

    def kill() -> None:
        if len(rig.sent) == 3:
            raise OSError

    rig.on_send = kill
    with suppress(OSError):
        await rig.searched()
    assert len(rig.sent) == 3
    rig.search = rig.made()
    await rig.searched()
    assert len(rig.sent) == 3 + 5
    assert len({one.score_id for one in rig.sent[:3]} - {one.score_id for one in rig.sent[3:]}) == 0


async def test_a_list_withdrawn_amid_its_search_ends_it_and_its_name_leaves_the_disk(rig: Rig, tmp_path: Path) -> None:
    rig.saw(*(post(frame(flipped(MANY[0], n), 0)) for n in range(5)))
    rig.imported("list-withdrawn", 5, MANY[0].tobytes())
    await rig.searched()
    assert b"list-withdrawn" in (tmp_path / "lists.sqlite").read_bytes()
    rig.imported("list-withdrawn", 6, *(flipped(MANY[0], n).tobytes() for n in range(9)))
    rig.on_send = lambda: rig.index.erase("list-withdrawn/000")
    n_before = len(rig.sent)
    await rig.searched()
    assert len(rig.sent) == n_before + 1
    rig.lists.n_changes += 1
    await rig.searched()
    assert b"list-withdrawn" not in (tmp_path / "lists.sqlite").read_bytes()


async def test_a_list_withdrawn_amid_the_comparison_is_compared_no_further(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_search, "_BLOCK", 1)
    n_blocks = 0

    def compared(*_: object) -> set[int]:
        nonlocal n_blocks
        n_blocks += 1
        rig.index.erase("list-a/000")
        return set()

    monkeypatch.setattr(list_search, "candidates", compared)
    rig.saw(post(frame(MANY[0], 0)))
    rig.imported("list-a", 5, *(each.tobytes() for each in MANY[:50]))
    await rig.searched()
    assert n_blocks == 1
    assert rig.marks.mark("list-a", rig.seen.files([0])[0].name) == 0


async def test_the_list_with_the_fewest_new_hashes_comes_first(rig: Rig) -> None:
    rig.saw(post(frame(MANY[0], 0), frame(MANY[1], 0)))
    rig.imported("list-large", 5, *(each.tobytes() for each in MANY))
    rig.imported("list-small", 6, MANY[1].tobytes())
    await rig.searched()
    assert [one.matches[0].case_id for one in rig.sent] == ["list-small", "list-large"]


async def test_what_its_topic_no_longer_retains_is_not_found(rig: Rig) -> None:
    rig.saw(post(frame(MANY[0], 0)))
    rig.search._past = past_segments(lambda *_: [])
    rig.imported("list-a", 5, MANY[0].tobytes())
    await rig.searched()
    assert rig.sent == []


def test_marks_outlive_a_restart_and_those_of_what_is_gone_are_erased(tmp_path: Path) -> None:
    with closing(ListMarks(tmp_path / "m")) as marks:
        marks.put("list-a", "one", 5)
        marks.put("list-a", "two", 6)
        marks.put("list-b", "one", 7)
        marks.keep({"list-a"}, {"one"})
    with closing(ListMarks(tmp_path / "m")) as again:
        found = [again.mark(name, file) for name in ("list-a", "list-b") for file in ("one", "two")]
    assert found == [5, 0, 0, 0]
    assert b"list-b" not in (tmp_path / "m").read_bytes()
