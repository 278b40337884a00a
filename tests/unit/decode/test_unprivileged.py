"""Decoding needs no right that a child of the sandbox lacks: no file, no module, no thread."""

from pathlib import Path

from streams.decode.decoder import Decoder, post_sampling
from streams.decode.settings import MediaSettings
from tests.unit.decode.made import image, moving, segments_of, tone, video

VIDEOS = {
    "h264.mp4": "libx264",
    "hevc.mp4": "libx265",
    "vp9.webm": "libvpx-vp9",
    "av1.mp4": "libsvtav1",
    "mpeg2.ts": "mpeg2video",
}
SOUNDS = ["a.m4a", "a.mp3", "a.wav"]
IMAGES = ["a.jpg", "a.png", "a.webp", "a.gif", "a.avif"]


async def test_every_kind_of_medium_is_decoded_in_the_sandbox_as_outside(tmp_path: Path) -> None:
    files = [video(tmp_path / name, moving(20), codec=codec, sound=tone(2.0)) for name, codec in VIDEOS.items()]
    files += [video(tmp_path / name, sound=tone(2.0)) for name in SOUNDS]
    files += [image(tmp_path / name) for name in IMAGES]
    settings = MediaSettings()
    async with Decoder(settings) as decoder:
        for file in files:
            inside = [segment async for segment in decoder.segments(file, await decoder.scan(file))]
            assert inside == list(segments_of(file, post_sampling(settings))), file.name
            assert inside[0].frames or inside[0].pcm, file.name
