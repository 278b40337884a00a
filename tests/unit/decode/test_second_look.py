"""Second looks at real media: which frames of a stretch come back, and what is answered where it cannot be seen."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from schemas.messages import Frames, Look
from streams.decode.decoder import Decoder, look_sampling
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media_access import MediaAccess
from streams.decode.second_look import EXPIRED, answer_in_time, answer_to, key_of
from streams.decode.settings import MediaSettings
from streams.describe.screen import is_counted
from tests.unit.decode.made import image, moving, tone, video
from tests.unit.made_messages import segment

CLIP = Path(__file__).parents[3] / "streams/demo/media/flowers.mp4"


@pytest.fixture
async def media(tmp_path: Path) -> AsyncIterator[MediaAccess]:
    roots: Any = {"file_roots": (tmp_path, CLIP.parent)}
    settings = MediaSettings(**roots, fetch_attempts=1)
    async with Fetcher(settings) as fetcher, Decoder(settings) as decoder:
        yield MediaAccess(fetcher, decoder, settings.max_media, fetch_attempts=1)


def look(url: Path | str, start_s: float = 0.0, end_s: float = 2.0, **changes: Any) -> Look:
    address = url if isinstance(url, str) else url.as_uri()
    where = msgspec.structs.replace(segment(1), url=address, start_s=start_s, duration_s=end_s - start_s)
    fields: dict[str, Any] = {"look_id": "l1", "number": 1, "reason": "found", "asked_at": datetime.now(UTC)}
    return Look(segment=where, **fields | changes)


def times_of(answer: Frames) -> list[float]:
    return [frame.time_s for frame in answer.frames]


async def test_a_stretch_amid_a_clip_comes_back_four_times_a_second(media: MediaAccess) -> None:
    asked = look(CLIP, 3.3, 7.3)
    answer = await answer_to(asked, media)
    assert (answer.segment, answer.look, answer.gone) == (asked.segment, 1, "")
    times = times_of(answer)
    assert times[0] == pytest.approx(3.3)
    assert 16 <= len(times) <= 18
    assert np.diff(times).max() < 0.3  # and one more after a cut
    assert times[-1] < 7.3
    assert answer.thumbnails
    assert answer.motion is not None
    assert answer.motion.rows == 4  # seconds
    assert key_of(asked) == "p1/look/1"


async def test_the_frames_of_a_stretch_are_those_that_the_whole_file_shows_then(
    media: MediaAccess, tmp_path: Path
) -> None:
    """Decoding begins at a key frame before the stretch, so its first frame is whole too."""
    file = video(tmp_path / "a.mp4", moving(80), options={"g": "25", "bf": "2"})
    part, whole = await answer_to(look(file, 5.0, 7.0), media), await answer_to(look(file, 0.0, 8.0), media)
    shown = {round(frame.time_s, 2): frame.jpeg for frame in whole.frames}
    compared = [(shown[round(frame.time_s, 2)], frame.jpeg) for frame in part.frames if round(frame.time_s, 2) in shown]
    assert len(compared) >= 4
    assert all(first == second for first, second in compared)


@pytest.mark.parametrize(("duration_s", "frames"), [(0.0, 1), (10.0, 40), (31.0, 62), (60.0, 60), (63.0, 63)])
def test_a_look_has_at_most_64_frames(duration_s: float, frames: int) -> None:
    sampling = look_sampling(MediaSettings(), duration_s)
    assert max(1, round(duration_s * sampling.frames_per_second)) == frames <= sampling.max_frames == 64
    assert sampling.longest_gap_s == 0.0  # every frame is decoded


async def test_a_picture_that_stands_still_comes_back_at_each_step_too(media: MediaAccess, tmp_path: Path) -> None:
    still = video(tmp_path / "still.mp4", [moving(1)[0]] * 40)
    assert len(times_of(await answer_to(look(still, 0.0, 4.0), media))) == 16


async def test_a_stretch_between_two_frames_shows_the_first_of_them(media: MediaAccess, tmp_path: Path) -> None:
    slides = video(tmp_path / "slides.mp4", moving(3), times_s=[0.0, 10.0, 20.0])
    answer = await answer_to(look(slides, 4.0, 8.0), media)
    assert times_of(answer) == [4.0]
    assert answer.gone == ""


async def test_a_photo_is_one_frame(media: MediaAccess, tmp_path: Path) -> None:
    photo = image(tmp_path / "a.png")
    answer = await answer_to(look(photo, 0.0, 0.0), media)
    assert (times_of(answer), answer.gone, answer.motion) == ([0.0], "", None)


async def test_what_is_gone_is_answered_without_frames(media: MediaAccess, tmp_path: Path) -> None:
    answer = await answer_to(look(tmp_path / "gone.mp4"), media)
    assert (answer.frames, answer.look, answer.gone) == ([], 1, "link_gone")


async def test_what_has_no_picture_then_is_answered_with_the_reason(media: MediaAccess, tmp_path: Path) -> None:
    sound = video(tmp_path / "a.m4a", sound=tone(3))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no medium" * 1000)
    for file in (sound, broken):
        answer = await answer_to(look(file), media)
        assert (answer.frames, answer.gone) == ([], "media_unreadable"), file


async def test_a_stretch_that_ends_early_is_answered_with_its_frames_and_the_reason(
    media: MediaAccess, tmp_path: Path
) -> None:
    file = video(tmp_path / "a.mp4", moving(100), options={"g": "10"}, format_options={"movflags": "faststart"})
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 6 // 10])
    answer = await answer_to(look(file, 0.0, 10.0), media)
    assert answer.gone == "media_partial"
    assert 3 < times_of(answer)[-1] < 8


async def test_a_look_that_nobody_waits_for_is_answered_without_fetching(media: MediaAccess) -> None:
    old = look("https://host.invalid/a.mp4", asked_at=datetime.now(UTC) - timedelta(seconds=31))
    answer = await answer_in_time(old, media, 30.0)
    assert (answer.frames, answer.gone) == ([], EXPIRED)


async def test_no_text_on_screen_is_read_again(media: MediaAccess, tmp_path: Path) -> None:
    answer = await answer_to(look(image(tmp_path / "a.png"), 0.0, 0.0), media)
    parts = msgspec.structs.replace(answer.segment.parts, text=9)
    answer = msgspec.structs.replace(answer, segment=msgspec.structs.replace(answer.segment, parts=parts))
    assert not is_counted(answer)
    assert is_counted(msgspec.structs.replace(answer, look=0))
