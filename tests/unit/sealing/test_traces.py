"""A real clip on the wire: unsealed records show it to the search that the end-to-end run uses, sealed ones do not."""

from pathlib import Path

import pytest

from schemas.codec import Codec
from schemas.messages import Frames, Sounds
from streams.decode.decoder import Decoder
from streams.decode.settings import MediaSettings
from streams.demo.scenario import MEDIA
from streams.sealing.media import MediaSeal
from tests.support.media_traces import files_with_traces, media_of_page, samples_of, traces
from tests.unit.made_messages import segment
from tests.unit.sealing.made import settings

CLIP = MEDIA / "carving.mp4"
CODEC = Codec()


@pytest.fixture
async def messages() -> list[tuple[str, Frames | Sounds]]:
    """Return the clip's records as decode makes them, before they are sealed."""
    async with Decoder(MediaSettings()) as decoder:
        info = await decoder.scan(CLIP)
        decoded = [found async for found in decoder.segments(CLIP, info)]
        rate_hz = decoder.sound_rate_hz
    frames = [Frames(segment=segment(), frames=one.frames, thumbnails=one.thumbnails) for one in decoded]
    sounds = [Sounds(segment=segment(), rate_hz=rate_hz, pcm=one.pcm) for one in decoded]
    return [*(("frames", one) for one in frames), *(("sounds", one) for one in sounds)]


async def test_a_clip_shows_in_unsealed_records_and_in_its_file_and_not_in_sealed_records(
    messages: list[tuple[str, Frames | Sounds]], tmp_path: Path
) -> None:
    samples = [sample for _, one in messages if isinstance(one, Sounds) for sample in samples_of(one.pcm)]
    assert samples
    for number, (topic, message) in enumerate(messages):
        plain = CODEC.encode(topic, message)
        assert traces(plain, samples)
        (tmp_path / f"{number}.log").write_bytes(plain)
        assert traces(CODEC.encode(topic, MediaSeal(settings(tmp_path / "keys")).sealed(message)), samples) == []
    assert len(list(files_with_traces([tmp_path], samples))) == len(messages)
    assert CLIP in files_with_traces([MEDIA])


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\xff\xd8\xff\xe1\x00\x10Exif", b"\xff\xd8\xff\xdb\x00\x43",
        b"\x00\x00\x00 ftypisom", b"\x1aE\xdf\xa3\x01\x00webm", b"RIFF\x00\x00\x00\x00WAVE", b"OggS\x00\x02",
    ],
)  # fmt: skip
def test_each_kind_of_medium_is_found(content: bytes) -> None:
    assert traces(b"before" + content + b"after")
    assert traces(b"before" + content[:-1]) == []


@pytest.mark.parametrize(
    "content",
    [
        b'<img alt="" src="https://cdn.example/1.jpg">', b"<video poster=/thumbnails/1>", b"<img srcset='/1 2x'>",
        b'<a href="data:image/webp;base64,AA">', b"p { background-image: url(/1.png) }", b'<source src="clip.mp4">',
    ],
)  # fmt: skip
def test_each_way_of_a_page_to_load_a_medium_is_found(content: bytes) -> None:
    assert media_of_page(b"<html>" + content)


def test_the_files_of_the_look_and_the_links_to_posts_are_no_media() -> None:
    own = b'<link href="/static/console.css"><script src="/static/console.js"></script>'
    assert media_of_page(own + b'<a href="https://board.example/clip.mp4">https://board.example/clip.mp4</a>') == []
