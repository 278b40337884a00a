import asyncio
import json
import os
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.messages import DeadLetter, Post
from streams.feeds.batch import Batch
from streams.feeds.cursor import Progress
from streams.feeds.files.folder import follow_folder
from tests.support.deadline import DEADLINE_S
from tests.unit.feeds.made import NEW, posts, progress_after

FAST_S = 0.02


async def batches_of(folder: Path, progress: Progress = NEW) -> list[Batch]:
    return [batch async for batch in follow_folder(folder, progress, interval_s=FAST_S, once=True)]


async def posts_in(folder: Path, progress: Progress = NEW) -> list[Post]:
    return posts(await batches_of(folder, progress))


async def next_post(feed: AsyncGenerator[Batch]) -> Post:
    (post,) = posts([await asyncio.wait_for(anext(feed), DEADLINE_S)])
    return post


async def test_a_media_file_becomes_a_post_with_a_file_link(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    file = tmp_path / "deep" / "my clip.mp4"
    file.write_bytes(b"media")
    os.utime(file, (1_700_000_000, 1_700_000_000))
    (post,) = await posts_in(tmp_path)
    assert post.media[0].url == file.as_uri()
    assert post.media[0].kind == "video"
    assert post.published_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert post.platform == "folder"


async def test_other_files_hidden_files_and_empty_files_are_ignored(tmp_path: Path) -> None:
    for name in ("notes.txt", ".hidden.mp4", "alone.json"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "empty.mp4").touch()
    assert await posts_in(tmp_path) == []


async def test_a_file_has_the_same_id_each_time_and_another_when_its_content_changes(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(b"one")
    first, again = await posts_in(tmp_path), await posts_in(tmp_path)
    file.write_bytes(b"two")
    (changed,) = await posts_in(tmp_path)
    assert first[0].post_id == again[0].post_id != changed.post_id


async def test_a_sidecar_adds_fields_that_the_file_lacks(tmp_path: Path) -> None:
    (tmp_path / "clip.jpg").write_bytes(b"media")
    fields = {"caption": "안녕", "tags": ["a"], "author": "me", "alt": "a picture"}
    (tmp_path / "clip.jpg.json").write_text(json.dumps(fields | {"published_at": "2026-01-02T03:04:05+09:00"}))
    (post,) = await posts_in(tmp_path)
    assert (post.caption, post.tags, post.author, post.media[0].alt) == ("안녕", ["a"], "me", "a picture")
    assert post.published_at == datetime(2026, 1, 1, 18, 4, 5, tzinfo=UTC)


async def test_a_broken_sidecar_is_a_dead_letter_beside_its_file_and_is_read_again_when_corrected(
    tmp_path: Path,
) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"media")
    sidecar = tmp_path / "clip.mp4.json"
    sidecar.write_text('{"captoin": "x"}')
    feed = follow_folder(tmp_path, NEW, interval_s=FAST_S)
    first, refused = (await asyncio.wait_for(anext(feed), DEADLINE_S)).records
    assert isinstance(first, Post)
    assert isinstance(refused, DeadLetter)
    assert refused.value == b'{"captoin": "x"}'
    assert "captoin" in refused.detail
    sidecar.write_text('{"caption": "corrected"}')
    corrected = await next_post(feed)
    assert (corrected.caption, corrected.media) == ("corrected", first.media)
    assert corrected.post_id != first.post_id


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mp4.json"])
async def test_a_link_that_leads_out_of_the_folder_is_a_dead_letter_and_not_read(tmp_path: Path, name: str) -> None:
    folder, secret = tmp_path / "folder", tmp_path / "secret"
    folder.mkdir()
    secret.write_bytes(b"secret")
    (folder / "clip.mp4").write_bytes(b"media")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(secret)
    ((letter,),) = [batch.records for batch in await batches_of(folder)]
    assert isinstance(letter, DeadLetter)
    assert "leads out of the folder" in letter.detail
    assert letter.value == b""


async def test_a_growing_file_waits_until_it_is_complete(tmp_path: Path) -> None:
    growing, done = tmp_path / "growing.mp4", asyncio.Event()

    async def grow() -> None:
        with growing.open("wb", buffering=0) as file:
            while not done.is_set():
                file.write(b"x")
                await asyncio.sleep(FAST_S / 20)

    writer = asyncio.create_task(grow())
    (tmp_path / "complete.mp4").write_bytes(b"media")
    feed = follow_folder(tmp_path, NEW, interval_s=FAST_S)
    first = await next_post(feed)
    done.set()
    await writer
    assert first.media[0].url.endswith("complete.mp4")
    assert (await next_post(feed)).media[0].url.endswith("growing.mp4")


async def test_a_file_becomes_a_post_once(tmp_path: Path) -> None:
    (tmp_path / "one.mp4").write_bytes(b"1")
    feed = follow_folder(tmp_path, NEW, interval_s=FAST_S)
    await next_post(feed)
    (tmp_path / "two.mp4").write_bytes(b"2")
    assert (await next_post(feed)).media[0].url.endswith("two.mp4")


async def test_a_restart_repeats_no_file_and_processes_every_new_one(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.mp4").write_bytes(b"1")
    progress = progress_after(await batches_of(tmp_path))
    assert list(progress.parts) == ["deep/one.mp4"]
    assert await batches_of(tmp_path, progress) == []
    (tmp_path / "two.mp4").write_bytes(b"2")
    (tmp_path / "deep" / "one.mp4").write_bytes(b"other")
    assert [post.url.rpartition("/")[2] for post in await posts_in(tmp_path, progress)] == ["one.mp4", "two.mp4"]


async def test_a_removed_file_is_evicted_and_processed_again_when_it_returns(tmp_path: Path) -> None:
    file = tmp_path / "one.mp4"
    file.write_bytes(b"1")
    progress = progress_after(await batches_of(tmp_path))
    file.unlink()
    gone = await batches_of(tmp_path, progress)
    assert [dict(batch.parts) for batch in gone] == [{"one.mp4": None}]
    file.write_bytes(b"1")
    assert len(await posts_in(tmp_path, progress_after(gone, progress))) == 1
