"""Captions in WebVTT files: words with times, whatever is in them."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from schemas.messages import Medium, Post, Texts
from streams.decode.captions import KIND, read_captions
from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media_access import Failure, MediaAccess
from streams.decode.post_records import PostRecords
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError

CAPTIONS = """\ufeffWEBVTT - title

NOTE a note --
of two lines

STYLE
::cue { color: red }

1
00:01.500 --> 00:02.000 align:start
<v Roe>Jane <i>Roe</i> &amp; co
second line

01:00:00.000 --> 01:00:01.000
an hour later

00:00.000 --> 00:01.000
first
"""


def read(folder: Path, raw: bytes) -> list[tuple[float | None, str]]:
    (file := folder / "c.vtt").write_bytes(raw)
    return [(text.time_s, text.text) for text in read_captions(file).subtitles]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_cues_are_texts_in_time_order(tmp_path: Path, newline: str) -> None:
    found = read(tmp_path, CAPTIONS.replace("\n", newline).encode())
    assert found == [(0.0, "first"), (1.5, "Jane Roe & co second line"), (3600.0, "an hour later")]


@pytest.mark.parametrize("raw", [b"", b"1\n00:00.000 --> 00:01.000\nx", b"\x89PNG", b"WEBVTT" + b"x" * 2_000_000])
def test_what_is_no_webvtt_is_unreadable(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(UnprocessableError, match="WebVTT"):
        read(tmp_path, raw)


def test_too_many_words_are_cut(tmp_path: Path) -> None:
    cue = "00:00.000 --> 00:01.000\n" + "x" * 1_000 + "\n\n"
    assert len(read(tmp_path, b"WEBVTT\n\n" + cue.encode() * 900)) == 200


@hypothesis_settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["00:00.000 --> 00:01.000", "99:99:99.999 -->", "", "<", "&#9999999999;", "a"]) | st.text()
    )
)
def test_any_text_is_read(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    read(tmp_path_factory.getbasetemp(), "\n".join(["WEBVTT", *lines]).encode(errors="surrogatepass"))


@pytest.fixture
async def media(tmp_path: Path) -> AsyncIterator[MediaAccess]:
    settings = MediaSettings(file_roots=(tmp_path,))
    async with Fetcher(settings) as fetcher, Decoder(settings) as decoder:
        yield MediaAccess(fetcher, decoder, settings.max_media)


async def test_captions_of_a_post_are_one_record_of_texts_and_no_other(tmp_path: Path, media: MediaAccess) -> None:
    (file := tmp_path / "c.vtt").write_text(CAPTIONS)
    now = datetime.now(UTC)
    medium = Medium(url=file.as_uri(), kind=KIND)
    post = Post(post_id="p", platform="made", url="u", published_at=now, seen_at=now, media=[medium])
    failures: list[Failure] = []
    records = PostRecords(post, voice=False, read_on_screen=False)
    async with aclosing(media.waves(post, failures)) as waves:
        async for wave in waves:
            records.add(wave.opened, last=wave.is_last)
            ((_, _, found),) = records.subtitles(wave.opened)
            assert [segment async for segment in media.segments(wave.opened[0], failures)] == []
    assert isinstance(found, Texts)
    assert [text.text for text in found.texts][:2] == ["first", "Jane Roe & co second line"]
    assert (found.segment.medium, found.segment.parts.text, found.segment.parts.visual) == (0, 2, 0)
    assert failures == []
