import io
import os
from datetime import UTC, datetime, timedelta

import pytest

from schemas.messages import DeadLetter, Medium, Post
from streams.feeds.batch import Batch
from streams.feeds.cursor import Progress
from streams.feeds.entry import MAX_ENTRY_BYTES
from streams.feeds.files.jsonl import read_jsonl
from tests.unit.feeds.made import NEW, posts, records


async def batches_of(raw: bytes, position: str | None = None) -> list[Batch]:
    return [batch async for batch in read_jsonl(io.BytesIO(raw), "posts.jsonl", Progress(position))]


async def read(raw: bytes) -> list[Post]:
    return posts(await batches_of(raw))


async def captions(raw: bytes, position: str | None = None) -> list[str]:
    return [post.caption for post in posts(await batches_of(raw, position))]


async def test_a_line_becomes_a_post() -> None:
    (post,) = await read(
        b'{"post_id": "p1", "platform": "example", "url": "https://e/1", "author": "a", "language": "ko",'
        b' "published_at": "2026-01-02T03:04:05Z", "caption": "hi", "tags": ["t"],'
        b' "media": ["https://e/1.mp4", {"url": "https://e/2.jpg", "kind": "image", "alt": "two"}]}\n'
    )
    assert (post.post_id, post.platform, post.url, post.author) == ("p1", "example", "https://e/1", "a")
    assert post.published_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert post.media == [Medium(url="https://e/1.mp4"), Medium(url="https://e/2.jpg", kind="image", alt="two")]


async def test_times_left_out_are_now_and_times_without_zone_are_utc() -> None:
    (post,) = await read(b'{"caption": "hi", "published_at": "2026-01-02T03:04:05"}')
    assert post.published_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert datetime.now(UTC) - post.seen_at < timedelta(minutes=1)


async def test_a_line_fed_twice_is_the_same_post_and_another_line_is_not() -> None:
    first, second, third = await read(b'{"caption": "a"}\n{"caption": "a"}\n{"caption": "b"}\n')
    assert first.post_id == second.post_id != third.post_id


async def test_the_id_of_a_post_without_one_depends_on_its_url_alone() -> None:
    first, edited = await read(b'{"url": "https://e/1", "caption": "a"}\n{"url": "https://e/1", "caption": "b"}\n')
    assert first.post_id == edited.post_id


@pytest.mark.parametrize("line", [
    b"not json", b"[1, 2]", b"null", b"{}", b'{"captoin": "misspelt"}', b'{"caption": 7}', b'{"caption": "\xff\xfe"}',
    b'{"caption": "x", "published_at": "yesterday"}', b'{"caption": "x", "alt": "of what?"}', b"[" * 100_000,
])  # fmt: skip
async def test_a_malformed_line_is_a_dead_letter_with_its_bytes_and_number_and_the_next_is_read(line: bytes) -> None:
    refused, post = records(await batches_of(b"\n" + line + b'\n{"caption": "fine"}\n'))
    assert isinstance(refused, DeadLetter)
    assert (refused.value, refused.offset, refused.reason) == (line, 2, "feed_entry_malformed")
    assert refused.detail.startswith("posts.jsonl line 2: ")
    assert isinstance(post, Post)


async def test_an_endless_line_is_refused_with_its_beginning_and_the_next_is_read() -> None:
    refused, post = records(await batches_of(b"x" * (3 * MAX_ENTRY_BYTES) + b'\n{"caption": "fine"}'))
    assert isinstance(refused, DeadLetter)
    assert len(refused.value or b"") == MAX_ENTRY_BYTES + 1
    assert isinstance(post, Post)


async def test_lines_of_a_pipe_are_read_as_they_are_written() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as stream, os.fdopen(write_end, "wb", buffering=0) as pipe:
        feed = read_jsonl(stream, "-", NEW)
        for caption in ("one", "two"):
            pipe.write(b'{"caption": "%s"}\n' % caption.encode())
            batch = await anext(feed)
            assert batch.position is None
            assert [post.caption for post in posts([batch])] == [caption]
        pipe.close()
        assert [item async for item in feed] == []


async def test_more_lines_than_are_read_ahead_all_arrive_in_order() -> None:
    assert await captions(b"".join(b'{"caption": "%d"}\n' % n for n in range(500))) == [str(n) for n in range(500)]


LINES = b"".join(b'{"caption": "%d"}\n' % n for n in range(3))


async def test_a_file_resumes_after_the_last_line_read() -> None:
    batches = await batches_of(LINES)
    for n, batch in enumerate(batches):
        assert await captions(LINES + b'{"caption": "new"}\n', batch.position) == [*"012"[n + 1 :], "new"]


async def test_the_number_of_a_line_counts_from_the_beginning_of_the_file() -> None:
    position = (await batches_of(LINES))[-1].position
    (refused,) = records(await batches_of(LINES + b"broken\n", position))
    assert isinstance(refused, DeadLetter)
    assert refused.offset == 4


@pytest.mark.parametrize("file", [b'{"caption": "0"}\n', b'{"caption": "x"}\n' * 9, b""])
async def test_a_truncated_or_replaced_file_starts_over(file: bytes) -> None:
    position = (await batches_of(LINES))[-1].position
    assert len(await captions(file, position)) == file.count(b"\n")


async def test_a_line_that_was_being_written_is_read_again_once_it_is_whole() -> None:
    position = (await batches_of(LINES + b'{"caption": "ha'))[-1].position
    assert await captions(LINES + b'{"caption": "ha', position) == []
    assert await captions(LINES + b'{"caption": "half"}\n', position) == ["half"]


async def test_a_file_resumes_after_an_endless_line() -> None:
    endless = b"x" * (3 * MAX_ENTRY_BYTES) + b"\n"
    position = (await batches_of(endless))[-1].position
    assert await captions(endless + LINES, position) == ["0", "1", "2"]
