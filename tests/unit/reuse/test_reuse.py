import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from schemas.messages import Reusable, Text, Texts, WrittenRecord
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.engine.guard import Guard
from streams.engine.record import Output, Record
from streams.errors import UnprocessableError
from streams.kafka.topic_reader import Update
from streams.reuse.inputs import Inputs
from streams.reuse.records import RecordReader
from streams.reuse.reuse import inputs_of, work_on
from streams.reuse.table import ReuseTable
from streams.settings import load_settings
from tests.unit.engine.test_guard import NO_PAUSES
from tests.unit.made_messages import segment
from tests.unit.reuse.made import CODEC, Entries, Log, inputs


class Reader:
    """A stage that reads what is on screen, and counts how often."""

    def __init__(self, known: Inputs) -> None:
        self.n_read = 0
        self.has_begun = asyncio.Event()
        self.error: Exception | None = None
        self.may_end = asyncio.Event()
        self.may_end.set()
        self._known = known

    async def __call__(self, texts: Texts, record: Record) -> AsyncIterator[Output]:  # noqa: ARG002 - a handler's signature
        async with work_on(self._known, [texts.texts[0].text.encode()]) as work:
            found: list[Any] = [message async for message in work.known()]
            if found:
                yield Output("texts", "copy", msgspec.structs.replace(found[0], segment=texts.segment))
                return
            self.n_read += 1
            self.has_begun.set()
            await self.may_end.wait()
            if self.error is not None:
                raise self.error
            yield Output("texts", "new", texts)
            work.note()
            for output in work.remembered():
                yield output


async def run(reader: Reader, log: Log, text: str, number: int = 0) -> None:
    guard: Guard[Texts] = Guard(
        "screen", CODEC, reader, log.deliver, DeadLetterLimit(10), timeout_s=30.0, retry=NO_PAUSES
    )
    message = Texts(segment=segment(number), texts=[Text(source="screen", text=text)])
    await guard(Record("texts", 0, number, b"p1", CODEC.encode("texts", message)))


def made() -> tuple[Reader, Log, Entries]:
    log, entries = Log(), Entries()
    return Reader(inputs("screen", log, entries)), log, entries


async def test_the_same_input_is_worked_on_once_and_another_one_anew() -> None:
    reader, log, entries = made()
    for number, text in enumerate(["a", "a", "b", "a"]):
        await run(reader, log, text, number)
    assert reader.n_read == 2
    assert [(kept.key, kept.message.segment.segment) for kept in log.kept("texts")] == [
        ("new", 0), ("copy", 1), ("new", 2), ("copy", 3),
    ]  # fmt: skip
    assert [kept.key for kept in log.kept("reuse")] == list(entries)


async def test_the_entry_comes_after_all_that_it_leads_to() -> None:
    reader, log, _ = made()
    await run(reader, log, "a")
    assert [topic for topic, _, _ in log.records] == ["texts", "reuse"]
    (written,) = log.kept("reuse")[0].message.records
    assert (written.topic, written.partition, written.offset, len(written.digest)) == ("texts", 0, 0, 16)


async def test_keys_and_digests_depend_on_the_secret() -> None:
    one, other = inputs("screen", Log()), inputs("screen", Log(), key=b"another secret of the same system")
    assert one.key_of([b"a"]) != other.key_of([b"a"])
    assert one.digest("k", b"v") != other.digest("k", b"v")


def test_another_release_works_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    known = inputs("screen", Log())
    before = known.key_of([b"a"])
    monkeypatch.setattr("streams.reuse.inputs._RELEASE", b"another")
    assert known.key_of([b"a"]) != before


def test_parts_are_not_confused_with_one_another() -> None:
    known = inputs("screen", Log())
    keys = {known.key_of(parts) for parts in ([b"ab", b"c"], [b"a", b"bc"], [b"abc"], [b"abc", b""])}
    assert len(keys) == 4
    assert inputs("visual", Log()).key_of([b"a"]) != known.key_of([b"a"])


async def test_another_record_at_the_position_is_not_taken_for_it() -> None:
    reader, log, _ = made()
    await run(reader, log, "a")
    await run(reader, log, "b")
    log.records[0], log.records[2] = log.records[2], log.records[0]  # as after a topic was made anew
    await run(reader, log, "a")
    assert reader.n_read == 3


async def test_a_record_that_is_gone_is_made_again_and_then_known() -> None:
    reader, log, _ = made()
    await run(reader, log, "a")
    log.lost = {"texts"}
    await run(reader, log, "a")
    log.lost = set()
    await run(reader, log, "a")
    assert reader.n_read == 2


async def test_an_entry_that_names_a_topic_of_others_is_not_followed() -> None:
    reader, log, entries = made()
    await run(reader, log, "a")
    (key,) = entries
    (written,) = entries[key].records
    stolen = [msgspec.structs.replace(written, topic=topic) for topic in ("cases", "no-such-topic")]
    for record in stolen:
        entries[key] = Reusable(records=[record], at=datetime.now(UTC))
        await run(reader, log, "a")
    assert reader.n_read == 3
    assert log.read_topics == set()


async def test_what_has_failed_is_not_remembered() -> None:
    reader, log, entries = made()
    reader.error = UnprocessableError("frame_unreadable", "broken")
    await run(reader, log, "a")
    assert not entries
    assert [topic for topic, _, _ in log.records] == ["dead-letters"]


async def test_outputs_that_went_to_no_broker_are_not_remembered() -> None:
    reader, _, entries = made()
    message = Texts(segment=segment(), texts=[Text(source="screen", text="a")])
    assert [output.topic async for output in reader(message, Record("texts", 0, 0, b"", b""))] == ["texts"]
    assert not entries


async def test_copies_that_arrive_together_wait_for_the_first() -> None:
    reader, log, _ = made()
    reader.may_end.clear()
    running = [asyncio.create_task(run(reader, log, "a", number)) for number in range(5)]
    await reader.has_begun.wait()
    reader.may_end.set()
    await asyncio.gather(*running)
    assert reader.n_read == 1
    assert len(log.kept("texts")) == 5


async def test_copies_of_a_broken_input_wait_once_and_then_run_together() -> None:
    reader, log, _ = made()
    reader.may_end.clear()
    reader.error = UnprocessableError("frame_unreadable", "broken")
    running = [asyncio.create_task(run(reader, log, "a", number)) for number in range(5)]
    await reader.has_begun.wait()
    reader.may_end.set()
    await asyncio.gather(*running)
    assert reader.n_read == 5


async def test_who_is_cancelled_amid_the_work_holds_up_nobody() -> None:
    reader, log, _ = made()
    reader.may_end.clear()
    first = asyncio.create_task(run(reader, log, "a"))
    await reader.has_begun.wait()
    second = asyncio.create_task(run(reader, log, "a", 1))
    first.cancel()
    reader.may_end.set()
    await second
    assert reader.n_read == 2


@pytest.mark.parametrize("changes", [{"reuse_hours": 0.0}, {"term_key": ""}])
def test_the_settings_leave_it_out(changes: dict[str, Any]) -> None:
    settings = load_settings(**{"term_key": "sixteen letters or more"} | changes)
    assert inputs_of(cast("Any", SimpleNamespace(settings=settings)), "visual") is None


def table(max_records: int = 10, **changes: Any) -> ReuseTable:
    settings = load_settings(bootstrap_servers="127.0.0.1:9", **changes)
    return ReuseTable(settings, CODEC, "visual", lambda error: pytest.fail(repr(error)), max_records)


def entry(n_records: int = 1, age: timedelta = timedelta(0)) -> Reusable:
    records = [
        WrittenRecord(topic="descriptors", partition=0, offset=offset, digest=bytes(16)) for offset in range(n_records)
    ]
    return Reusable(records=records, at=datetime.now(UTC) - age)


def update(key: str, value: Reusable | None) -> Update:
    return Update(key.encode(), None if value is None else CODEC.encode("reuse", value), 0, 0)


def test_a_table_has_the_newest_entries_of_its_stage() -> None:
    kept, others = table(), entry(2)
    kept.apply([update("visual/a", entry()), update("audio/b", entry()), update("visual/a", others)])
    assert kept.get("visual/a") == others
    assert kept.get("audio/b") is None
    kept.apply([update("visual/a", None)])
    assert kept.get("visual/a") is None


def test_a_table_leads_to_so_many_records_and_forgets_the_oldest() -> None:
    kept = table(max_records=10)
    for name in "abcd":
        kept.put(f"visual/{name}", entry(3))
    assert [kept.get(f"visual/{name}") is not None for name in "abcd"] == [False, True, True, True]
    kept.put("visual/b", entry(3))
    kept.put("visual/e", entry(3))
    assert [kept.get(f"visual/{name}") is not None for name in "bcde"] == [True, False, True, True]


def test_a_table_takes_little_memory_for_a_record() -> None:
    n = 5_000
    kept = table(max_records=n)
    updates = [update(f"visual/{number:032x}", entry()) for number in range(n)]
    tracemalloc.start()
    kept.apply(updates)
    n_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept.get(f"visual/{n - 1:032x}") is not None
    assert n_bytes < 600 * n


def test_an_entry_that_is_too_old_is_unknown() -> None:
    kept = table(reuse_hours=2.0)
    for name, hours in (("a", 1.9), ("b", 2.1)):
        kept.apply([update(f"visual/{name}", entry(age=timedelta(hours=hours)))])
    assert kept.get("visual/a") is not None
    assert kept.get("visual/b") is None


def test_a_record_that_is_no_entry_changes_nothing() -> None:
    kept = table()
    kept.apply([Update(b"visual/a", b"no entry", 0, 0), update("visual/b", entry())])
    assert kept.get("visual/b") is not None


def test_records_in_memory_are_read_without_a_broker_and_bounded() -> None:
    reader = RecordReader(load_settings(bootstrap_servers="127.0.0.1:9"), max_bytes=10)
    for offset in range(3):
        reader.keep("frames", 0, offset, b"four")
    reader.keep("frames", 0, 2, b"five!")
    assert [reader.read("frames", 0, offset) for offset in (1, 2)] == [b"four", b"five!"]
    assert list(reader._kept) == [("frames", 0, 1), ("frames", 0, 2)]


def test_more_reads_than_may_wait_for_the_broker_are_not_waited_for() -> None:
    reader = RecordReader(load_settings(bootstrap_servers="127.0.0.1:9"))
    while reader._waiting.acquire(blocking=False):
        pass
    assert reader.read("frames", 0, 0) is None
