"""Decoding needs no privilege that a container's user lacks: CI's own user may be root, who is exempt from limits."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deadline import DEADLINE_S
from tests.unit.decode.made import image, moving, tone, video

ROOT = Path(__file__).parents[3]
VIDEOS = {
    "h264.mp4": "libx264",
    "hevc.mp4": "libx265",
    "vp9.webm": "libvpx-vp9",
    "av1.mp4": "libsvtav1",
    "mpeg2.ts": "mpeg2video",
}
SOUNDS = ["a.m4a", "a.mp3", "a.wav"]
IMAGES = ["a.jpg", "a.png", "a.webp", "a.gif", "a.avif"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder that the user nobody may read."""
    with tempfile.TemporaryDirectory(prefix="jikimi-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_every_kind_of_medium_is_decoded_without_starting_threads(folder: Path) -> None:
    files = [video(folder / name, moving(20), codec=codec, sound=tone(2.0)) for name, codec in VIDEOS.items()]
    files += [video(folder / name, sound=tone(2.0)) for name in SOUNDS]
    files += [image(folder / name) for name in IMAGES]
    command = [sys.executable, "-m", "tests.unit.decode.unprivileged", *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    for file, line in zip(files, done.stdout.splitlines(), strict=True):
        privileged, unprivileged = line.split("\t")
        assert privileged.endswith(" bytes"), (file.name, line)
        assert unprivileged == privileged, file.name
