"""Index of dead letters: what is listed and selected, and how much memory it takes."""

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from schemas.codec import Codec
from schemas.messages import DeadLetter, Frames, Message, Post
from streams.engine.dead_letter_index import TOPIC, DeadLetterIndex, Selection
from streams.engine.dead_letter_origin import PREDECESSOR, REDRIVES, headers_of_redrive, redrives_of, url_of
from streams.kafka.topic_scan import ScannedRecord
from tests.unit.made_messages import NOW, removal, segment, verdict

CODEC = Codec()
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
POST = Post(post_id="p1", platform="demo", url="https://example.org/p1", published_at=NOW, seen_at=NOW)


def letter(number: int = 0, **changes: Any) -> DeadLetter:
    made = DeadLetter(
        dead_letter_id=f"id-{number}",
        stage="decode",
        topic="posts",
        partition=3,
        offset=number,
        reason="link_gone",
        fate="unprocessable",
        detail="404",
        key=b"p1",
        value=CODEC.encode("posts", POST),
        at=NOON + timedelta(seconds=number),
    )
    return msgspec.structs.replace(made, **changes)


def mark(number: int, minute: int = 1) -> DeadLetter:
    return letter(number, value=None, redriven_at=NOON + timedelta(minutes=minute))


def scanned(*letters: DeadLetter) -> Iterator[ScannedRecord]:
    for offset, one in enumerate(letters):
        yield ScannedRecord(0, offset, CODEC.encode(TOPIC, one))


def index(*letters: DeadLetter, **selection: Any) -> DeadLetterIndex:
    return DeadLetterIndex(scanned(*letters), CODEC, Selection(**selection))


def ids(found: DeadLetterIndex, *arguments: Any) -> list[str]:
    return [entry.id for entry in found.newest(*arguments)]


def test_the_newest_are_first_and_a_repeated_one_is_listed_once_where_it_was_written_last() -> None:
    found = index(letter(1), letter(3), letter(2), letter(1))
    assert ids(found) == ["id-3", "id-2", "id-1"]
    assert ids(found, "all", 2) == ["id-3", "id-2"]
    assert [entry.offset for entry in found.newest()] == [1, 2, 3]


@pytest.mark.parametrize(("selection", "expected"), [
    ({}, {"id-1", "id-2", "id-3"}),
    ({"stage": "match"}, {"id-2"}),
    ({"reason": "bug"}, {"id-3"}),
    ({"stage": "match", "reason": "bug"}, set()),
    ({"since": NOON + timedelta(seconds=2)}, {"id-2", "id-3"}),
    ({"ids": frozenset({"id-1", "id-3"})}, {"id-1", "id-3"}),
])  # fmt: skip
def test_a_selection_is_by_stage_reason_time_and_id(selection: dict[str, Any], expected: set[str]) -> None:
    found = index(letter(1), letter(2, stage="match"), letter(3, reason="bug"), **selection)
    assert set(ids(found)) == expected


def test_a_redrive_mark_changes_the_state_wherever_it_was_read_and_each_further_one_is_counted() -> None:
    found = index(mark(2), letter(1), letter(2), letter(3), mark(3, 1), mark(3, 5), mark(99))
    assert (ids(found, "open"), ids(found, "redriven")) == (["id-1"], ["id-3", "id-2"])
    assert (found.count("open"), found.count("redriven"), found.count()) == (1, 2, 3)
    times = {entry.id: (entry.times, entry.redriven_s) for entry in found.newest()}
    assert times["id-3"] == (2, (NOON + timedelta(minutes=5)).timestamp())
    assert times["id-1"] == (None, None)


def test_a_record_that_is_no_dead_letter_is_counted_and_hides_no_other() -> None:
    records = [ScannedRecord(0, 0, b"junk"), ScannedRecord(0, 1, None), *scanned(letter(1))]
    found = DeadLetterIndex(records, CODEC, Selection())
    assert (ids(found), found.refused) == (["id-1"], 2)


def test_dead_letters_of_one_record_are_together_the_oldest_record_first() -> None:
    found = index(letter(4), letter(1, offset=9), letter(5, offset=9, stage="screen"), letter(3, offset=3))
    assert [entry.id for entry in found.by_record()] == ["id-1", "id-5", "id-3", "id-4"]


@pytest.mark.parametrize(("topic", "message"), [
    ("posts", POST),
    ("frames", Frames(segment=segment(), frames=[])),
    ("verdicts", verdict()),
    ("removals", removal(url=POST.url)),
])  # fmt: skip
def test_the_address_is_the_posts_whatever_record_of_it_failed(topic: str, message: Message) -> None:
    assert url_of(letter(topic=topic, value=CODEC.encode(topic, message)), CODEC) == POST.url


@pytest.mark.parametrize("changes", [{"value": b"\xff junk"}, {"value": None}, {"topic": "feed-jsonl"}])
def test_an_original_that_cannot_be_decoded_is_listed_by_its_position_and_key(changes: dict[str, Any]) -> None:
    (entry,) = index(letter(7, **changes)).newest()
    assert (entry.url, entry.record) == ("", f"{changes.get('topic', 'posts')} 3 @ 7, key p1")


def test_a_redriven_record_names_its_dead_letter_and_the_number_of_redrives() -> None:
    first = headers_of_redrive(letter(1, headers={"traceparent": b"00"}))
    assert first == {"traceparent": b"00", PREDECESSOR: b"id-1", REDRIVES: b"1"}
    again = letter(2, headers=first)
    assert headers_of_redrive(again) == {"traceparent": b"00", PREDECESSOR: b"id-2", REDRIVES: b"2"}
    (entry,) = index(again).newest()
    assert (entry.predecessor, entry.redrives) == ("id-1", 1)


@pytest.mark.parametrize("header", [b"", b"-1", b"many", b"9" * 5000])
def test_a_malformed_number_of_redrives_counts_as_none(header: bytes) -> None:
    assert redrives_of(letter(headers={REDRIVES: header})) == 0


def test_thousands_of_large_dead_letters_take_no_more_memory_than_a_few() -> None:
    n_letters, size = 3_000, 256 * 1024
    frames = CODEC.encode("frames", Frames(segment=segment(), frames=[])) + bytes(size)  # refused, and large
    many = (record for number in range(n_letters) for record in scanned(letter(number, topic="frames", value=frames)))
    tracemalloc.start()
    try:
        found = DeadLetterIndex(many, CODEC, Selection())
        assert sum(1 for _ in found.by_record()) == n_letters
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 16 * size
