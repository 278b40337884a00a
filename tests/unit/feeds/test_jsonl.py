import io
import os
from datetime import UTC, datetime, timedelta

import pytest

from schemas.messages import DeadLetter, Medium, Post
from streams.feeds.entry import MAX_ENTRY_BYTES
from streams.feeds.jsonl import read_jsonl


async def read(raw: bytes) -> list[Post | DeadLetter]:
    return [item async for item in read_jsonl(io.BytesIO(raw), "posts.jsonl")]


async def read_post(raw: bytes) -> Post:
    (post,) = await read(raw)
    assert isinstance(post, Post), post
    return post


async def test_a_line_becomes_a_post() -> None:
    post = await read_post(
        b'{"post_id": "p1", "platform": "example", "url": "https://e/1", "author": "a", "language": "ko",'
        b' "published_at": "2026-01-02T03:04:05Z", "caption": "hi", "tags": ["t"],'
        b' "media": ["https://e/1.mp4", {"url": "https://e/2.jpg", "kind": "image", "alt": "two"}]}\n'
    )
    assert (post.post_id, post.platform, post.url, post.author) == ("p1", "example", "https://e/1", "a")
    assert post.published_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert post.media == [Medium(url="https://e/1.mp4"), Medium(url="https://e/2.jpg", kind="image", alt="two")]


async def test_times_left_out_are_now_and_times_without_zone_are_utc() -> None:
    post = await read_post(b'{"caption": "hi", "published_at": "2026-01-02T03:04:05"}')
    assert post.published_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert datetime.now(UTC) - post.seen_at < timedelta(minutes=1)


async def test_a_line_fed_twice_is_the_same_post_and_another_line_is_not() -> None:
    first, second, third = await read(b'{"caption": "a"}\n{"caption": "a"}\n{"caption": "b"}\n')
    assert isinstance(first, Post)
    assert isinstance(second, Post)
    assert isinstance(third, Post)
    assert first.post_id == second.post_id != third.post_id


async def test_the_url_names_a_post_without_id_whatever_else_its_line_says() -> None:
    first, edited = await read(b'{"url": "https://e/1", "caption": "a"}\n{"url": "https://e/1", "caption": "b"}\n')
    assert isinstance(first, Post)
    assert isinstance(edited, Post)
    assert first.post_id == edited.post_id


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[1, 2]",
        b"null",
        b"{}",
        b'{"captoin": "misspelt"}',
        b'{"caption": 7}',
        b'{"caption": "\xff\xfe"}',
        b'{"caption": "x", "published_at": "yesterday"}',
        b'{"caption": "x", "alt": "of what?"}',
        b"[" * 100_000,
    ],
)
async def test_a_malformed_line_is_a_dead_letter_with_its_bytes_and_number_and_the_next_is_read(line: bytes) -> None:
    refused, post = await read(b"\n" + line + b'\n{"caption": "fine"}\n')
    assert isinstance(refused, DeadLetter)
    assert refused.value == line
    assert refused.offset == 2
    assert refused.reason == "feed_entry_malformed"
    assert refused.detail.startswith("posts.jsonl line 2: ")
    assert isinstance(post, Post)


async def test_an_endless_line_is_refused_with_its_beginning_and_the_next_is_read() -> None:
    refused, post = await read(b"x" * (3 * MAX_ENTRY_BYTES) + b'\n{"caption": "fine"}')
    assert isinstance(refused, DeadLetter)
    assert refused.value is not None
    assert len(refused.value) == MAX_ENTRY_BYTES + 1
    assert isinstance(post, Post)


async def test_lines_of_a_pipe_come_as_they_are_written() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as stream, os.fdopen(write_end, "wb", buffering=0) as pipe:
        feed = read_jsonl(stream, "-")
        for caption in ("one", "two"):
            pipe.write(b'{"caption": "%s"}\n' % caption.encode())
            post = await anext(feed)
            assert isinstance(post, Post)
            assert post.caption == caption
        pipe.close()
        assert [item async for item in feed] == []


async def test_more_lines_than_are_read_ahead_all_arrive_in_order() -> None:
    posts = await read(b"".join(b'{"caption": "%d"}\n' % n for n in range(500)))
    assert [post.caption for post in posts if isinstance(post, Post)] == [str(n) for n in range(500)]
