import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from schemas.messages import Frames, Medium, Parts, Post, Sounds, Texts
from schemas.topics import TOPICS
from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media_access import MediaAccess
from streams.decode.settings import MediaSettings
from streams.decode.stage import decode_post
from streams.describe.screen import FIRST_NUMBER, read_frames
from streams.engine.record import Output, Record
from streams.errors import RecordError, UnprocessableError, WorkerError
from tests.unit.decode.made import image, moving, tone, video
from tests.unit.decode.served import Server, response

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def media(tmp_path: Path) -> AsyncIterator[MediaAccess]:
    access: Any = {"file_roots": (tmp_path,), "allowed_hosts": ("127.0.0.1",)}
    settings = MediaSettings(**access, segment_s=2, max_duration_s=7, max_media=4)
    async with Fetcher(settings) as fetcher, Decoder(settings) as decoder:
        yield MediaAccess(fetcher, decoder, settings.max_media)


def post(*media: Path | str, **fields: Any) -> Post:
    links = [Medium(url=link if isinstance(link, str) else link.as_uri()) for link in media]
    url = "https://example.org/p1"
    return Post(post_id="p1", platform="demo", url=url, published_at=NOW, seen_at=NOW, media=links, **fields)


class BlankReader:
    """A reader of the screen that returns no text."""

    def read(self, picture: Image.Image) -> list[str]:  # noqa: ARG002 - a reader's signature
        return []


async def run(a_post: Post, media: MediaAccess) -> tuple[list[Output], Any]:
    """Return the outputs, and the error raised after them or None."""
    found: list[Output] = []
    record = Record("posts", 0, 0, b"p1", b"")
    async with aclosing(decode_post(a_post, record, media)) as outputs:
        try:
            async for output in outputs:
                found.append(output)  # noqa: PERF401 (outputs before an error count)
        except RecordError as error:
            return found, error
    return found, None


async def decoded_to_the_end(a_post: Post, media: MediaAccess) -> None:
    async with aclosing(decode_post(a_post, Record("posts", 0, 0, b"p1", b""), media)) as outputs:
        async for _ in outputs:
            pass


def keys(outputs: list[Output]) -> list[str]:
    return [output.key for output in outputs]


def assert_parts_are_exact(outputs: list[Output]) -> Parts:
    """Assert that the final parts count all records, which are numbered from 0; those on the screen are far behind."""
    numbers: dict[str, set[int]] = {"visual": set(), "audio": set(), "text": set()}
    final = set()
    for output in outputs:
        message = output.message
        assert isinstance(message, Frames | Sounds | Texts)
        modality = {"frames": "visual", "sounds": "audio", "texts": "text"}[output.topic]
        numbers[modality].add(message.segment.segment)
        assert output.key == f"p1/{modality}/{message.segment.segment}"
        if not message.segment.parts.pending:
            final.add(message.segment.parts)
    (parts,) = final
    for modality, found in numbers.items():
        assert len(found) == getattr(parts, modality)
        by_decode = {number for number in found if number < FIRST_NUMBER}
        assert by_decode == set(range(len(by_decode)))
    return Parts(visual=parts.visual, audio=parts.audio, text=parts.text)


async def test_a_post_without_media_has_its_own_text(media: MediaAccess) -> None:
    outputs, error = await run(post(caption="지우야", tags=["a", "b"]), media)
    assert error is None
    (output,) = outputs
    assert isinstance(output.message, Texts)
    texts = [(text.source, text.text) for text in output.message.texts]
    assert texts == [("caption", "지우야"), ("tag", "a"), ("tag", "b")]
    assert (output.topic, output.key, output.message.segment.medium) == ("texts", "p1/text/0", -1)
    assert output.message.segment.parts == Parts(visual=0, audio=0, text=1)


async def test_a_post_without_text_still_has_one_record_on_texts(media: MediaAccess) -> None:
    outputs, _ = await run(post(), media)
    assert keys(outputs) == ["p1/text/0"]


async def test_a_video_becomes_segments_of_sound_and_frames(media: MediaAccess, tmp_path: Path) -> None:
    outputs, error = await run(post(video(tmp_path / "a.mp4", moving(50), sound=tone(5))), media)
    assert error is None
    assert assert_parts_are_exact(outputs) == Parts(visual=3, audio=3, text=1)
    spans = [(o.message.segment.start_s, o.message.segment.duration_s) for o in outputs if o.topic == "frames"]  # type: ignore[union-attr]  # frames are Frames
    assert spans == [(0, 2), (2, 2), (4, 1)]


async def test_a_voice_is_counted_for_each_sound_if_voices_are_described(media: MediaAccess, tmp_path: Path) -> None:
    a_post = post(video(tmp_path / "b.wav", sound=tone(3)))
    for voice, n_voices in ((False, 0), (True, 2)):
        outputs, _ = await run(a_post, replace(media, voice=voice))
        parts = [output.message.segment.parts for output in outputs]  # type: ignore[union-attr]  # each has one
        assert set(parts[1:]) == {Parts(visual=0, audio=2, text=1, voice=n_voices)}


async def test_all_media_of_a_post_are_numbered_in_order(media: MediaAccess, tmp_path: Path) -> None:
    clip = video(tmp_path / "a.mkv", moving(30), subtitles=[("subrip", 0.5, "안녕")])
    song = video(tmp_path / "b.wav", sound=tone(3))
    outputs, error = await run(post(clip, image(tmp_path / "c.jpg"), song), media)
    assert error is None
    assert assert_parts_are_exact(outputs) == Parts(visual=3, audio=2, text=2)
    media_of_frames = [o.message.segment.medium for o in outputs if o.topic == "frames"]  # type: ignore[union-attr]  # frames are Frames
    assert media_of_frames == [0, 0, 1]
    assert keys(outputs)[:2] == ["p1/text/0", "p1/text/1"]


async def test_with_the_screen_stage_every_counted_text_is_written_once(media: MediaAccess, tmp_path: Path) -> None:
    clip = video(tmp_path / "a.mkv", moving(30), subtitles=[("subrip", 0.5, "안녕")])
    outputs, _ = await run(post(clip, image(tmp_path / "c.jpg")), replace(media, read_on_screen=True))
    read = [read_frames(BlankReader(), output.message) for output in outputs if isinstance(output.message, Frames)]
    assert assert_parts_are_exact([*outputs, *read]) == Parts(visual=3, audio=0, text=5)


async def test_a_broken_medium_is_left_out_and_fails_after_the_others(media: MediaAccess, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 100)
    outputs, error = await run(post(tmp_path / "broken.mp4", image(tmp_path / "a.jpg")), media)
    assert assert_parts_are_exact(outputs) == Parts(visual=1, audio=0, text=1)
    assert isinstance(error, UnprocessableError)
    assert error.reason == "media_unreadable"


@pytest.mark.parametrize(("processing_s", "reason"), [(30.0, None), (0.0, "link_not_yet")])
async def test_a_blob_that_is_still_processed_is_awaited_while_its_post_is_recent(
    server: Server, media: MediaAccess, tmp_path: Path, processing_s: float, reason: str | None
) -> None:
    server.answers["/xrpc/blob"] = response("400 Bad Request", b'{"error":"BlobNotFound","message":"Blob not found"}')
    recent = msgspec.structs.replace(post(server.url("/xrpc/blob")), seen_at=datetime.now(UTC))
    running = asyncio.create_task(run(recent, replace(media, processing_s=processing_s)))
    while not server.requests:  # noqa: ASYNC110 - the server has no event
        await asyncio.sleep(0.01)
    server.answers["/xrpc/blob"] = response(body=image(tmp_path / "a.jpg").read_bytes())
    _, error = await running
    assert (error.reason if error is not None else None) == reason


async def test_several_failures_are_one_error_that_lists_them(media: MediaAccess, tmp_path: Path) -> None:
    outputs, error = await run(post(tmp_path / "none.mp4", "ftp://example.org/a", caption="a"), media)
    assert keys(outputs) == ["p1/text/0"] * 2
    assert_parts_are_exact(outputs)
    assert error.reason == "link_gone"
    assert "medium 1: link_scheme" in error.detail


async def test_the_words_leave_before_any_medium_is_fetched(server: Server, media: MediaAccess) -> None:
    record = Record("posts", 0, 0, b"p1", b"")
    async with aclosing(decode_post(post(server.url("/a"), caption="지우야"), record, media)) as outputs:
        words = (await anext(outputs)).message
    assert isinstance(words, Texts)
    assert [text.text for text in words.texts] == ["지우야"]
    assert words.segment.parts == Parts(visual=1, audio=1, text=1, pending=True)
    assert server.requests == []


async def test_what_a_playlist_lacks_is_a_failure_beside_its_film(
    server: Server, media: MediaAccess, tmp_path: Path
) -> None:
    server.answers["/a.ts"] = response(body=video(tmp_path / "a.ts", moving(20)).read_bytes())
    server.answers["/a.m3u8"] = response(body=b"#EXTM3U\n#EXTINF:2,\na.ts\n#EXTINF:2,\ngone.ts\n")
    outputs, error = await run(post(server.url("/a.m3u8")), media)
    assert assert_parts_are_exact(outputs).visual == 1
    assert (error.reason, "medium 0: link_gone" in error.detail) == ("link_gone", True)


@pytest.mark.parametrize("n_failures", [2, 3])
async def test_an_unavailable_medium_is_tried_again_and_given_up_alone(
    server: Server, media: MediaAccess, tmp_path: Path, n_failures: int
) -> None:
    picture = image(tmp_path / "a.jpg")
    n_asked = 0

    async def answer(writer: asyncio.StreamWriter) -> None:
        nonlocal n_asked
        n_asked += 1
        writer.write(
            response("503 Service Unavailable") if n_asked <= n_failures else response(body=picture.read_bytes())
        )
        await writer.drain()

    server.answers["/a"] = answer
    outputs, error = await run(post(picture, server.url("/a")), replace(media, fetch_attempts=3))
    assert n_asked == 3
    assert assert_parts_are_exact(outputs).visual == (2 if n_failures == 2 else 1)
    if n_failures == 3:
        assert isinstance(error, UnprocessableError)
        assert error.reason == "link_unavailable"
        assert "medium 1: link_unavailable" in error.detail


async def test_a_full_disk_of_the_worker_is_no_fault_of_the_post(
    server: Server, media: MediaAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/a"] = response(body=b"clip")

    def full(*_: object) -> None:
        raise WorkerError("disk_full", "no space left")

    monkeypatch.setattr("streams.decode.fetch.received.write_all", full)
    with pytest.raises(WorkerError):
        await decoded_to_the_end(post(image(tmp_path / "a.jpg"), server.url("/a")), media)


async def test_a_post_larger_than_the_disk_is_decoded_in_waves(
    server: Server, media: MediaAccess, tmp_path: Path
) -> None:
    picture = image(tmp_path / "a.jpg").read_bytes()
    for name in "abcd":
        server.answers[f"/{name}"] = response(body=picture)
    size = len(picture) + 1
    settings = MediaSettings(allowed_hosts=("127.0.0.1",), max_bytes=size, disk_bytes=2 * size)
    async with Fetcher(settings) as fetcher:
        access = replace(media, fetcher=fetcher)
        outputs, error = await run(post(*[server.url(f"/{name}") for name in "abcd"]), access)
    assert error is None
    assert assert_parts_are_exact(outputs).visual == 4
    frames = [o.message for o in outputs if isinstance(o.message, Frames)]
    assert sorted(each.segment.medium for each in frames) == [0, 1, 2, 3]
    assert {each.segment.parts.pending for each in frames} == {True, False}


async def test_a_medium_that_is_too_long_is_decoded_up_to_the_cap(media: MediaAccess, tmp_path: Path) -> None:
    outputs, error = await run(post(video(tmp_path / "a.mp4", moving(30), fps=1)), media)
    assert assert_parts_are_exact(outputs) == Parts(visual=4, audio=0, text=1)
    assert all(o.message.frames for o in outputs if isinstance(o.message, Frames))
    assert error.reason == "media_too_long"


async def test_counted_segments_are_emitted_empty_after_decoding_fails(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(60, 5), sound=tone(6))
    settings = MediaSettings(file_roots=(tmp_path,), segment_s=2, medium_timeout_s=1e-6)
    async with Fetcher(settings) as fetcher, Decoder(settings) as decoder:
        outputs, error = await run(post(path), MediaAccess(fetcher, decoder, 4))
    assert assert_parts_are_exact(outputs) == Parts(visual=3, audio=3, text=1)
    assert error.reason == "media_decode_timeout"
    assert not any(o.message.frames for o in outputs if isinstance(o.message, Frames))


async def test_media_beyond_the_limit_are_refused_and_the_first_are_decoded(media: MediaAccess, tmp_path: Path) -> None:
    outputs, error = await run(post(*[image(tmp_path / "a.jpg")] * 6), media)
    assert assert_parts_are_exact(outputs).visual == 4
    assert error.reason == "too_many_media"


async def test_outputs_go_to_the_topics_declared_for_decode(media: MediaAccess, tmp_path: Path) -> None:
    outputs, _ = await run(post(video(tmp_path / "a.mp4", moving(10), sound=tone(1))), media)
    declared = {name for name, topic in TOPICS.items() if "decode" in topic.producers}
    # Nothing has failed, and a stage without the table of earlier work remembers nothing.
    assert {output.topic for output in outputs} == declared - {"dead-letters", "reuse"}


async def test_no_file_is_left_behind(server: Server, media: MediaAccess, tmp_path: Path) -> None:
    server.answers["/a"] = response(body=image(tmp_path / "a.jpg").read_bytes())
    folder = tmp_path / "temporary"
    folder.mkdir()
    settings = MediaSettings(allowed_hosts=("127.0.0.1",), temporary_folder=folder)
    async with Fetcher(settings) as fetcher:
        outputs, _ = await run(post(server.url("/a")), MediaAccess(fetcher, media.decoder, 4))
    assert assert_parts_are_exact(outputs).visual == 1
    assert not any(folder.iterdir())
