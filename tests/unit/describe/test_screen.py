from typing import cast

import pytest
from PIL import Image, ImageDraw, ImageFont

from models.screen.gate import text_tiles
from models.screen.reader import ScreenReader, missing
from schemas.messages import Frame, Frames, Parts, Texts
from streams.describe.screen import FIRST_NUMBER, is_counted, read_frames
from streams.describe.screen import _reader as reader_of
from streams.errors import UsageError
from streams.settings import load_settings
from streams.topology import STAGES, all_stages, in_flow_order
from tests.unit.made_messages import segment
from tests.unit.models.made import jpeg


class CountingReader:
    """A reader that returns fixed lines and counts its calls."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        self.n_calls = 0

    def read(self, picture: Image.Image) -> list[str]:
        assert picture.mode == "RGB"
        self.n_calls += 1
        return list(self.lines)


def written(text: str, at: int = 120) -> Image.Image:
    picture = Image.new("RGB", (568, 320), (40, 60, 90))
    ImageDraw.Draw(picture).text((30, at), text, fill="white", font=ImageFont.load_default(34))
    return picture


def frames(*pictures: Image.Image | bytes, text: int = 4, number: int = 1) -> Frames:
    """Return frames of each second from 60 s on: pictures, or bytes that are none."""
    place = segment(number, parts=Parts(visual=3, audio=0, text=text))
    jpegs = [picture if isinstance(picture, bytes) else jpeg(picture) for picture in pictures]
    return Frames(segment=place, frames=[Frame(time_s=60.0 + n, jpeg=each) for n, each in enumerate(jpegs)])


def texts(reader: CountingReader, message: Frames) -> Texts:
    output = read_frames(reader, message)
    assert output.topic == "texts"
    found = cast("Texts", output.message)
    assert output.key == f"p1/text/{found.segment.segment}"
    return found


@pytest.mark.parametrize("pictures", [[], [b"no picture"], [Image.new("RGB", (568, 320), "blue")]])
def test_frames_without_text_give_one_record_without_texts(pictures: list[Image.Image | bytes]) -> None:
    reader = CountingReader("never")
    assert texts(reader, frames(*pictures)).texts == []
    assert reader.n_calls == 0


def test_the_texts_of_the_screen_are_numbered_after_all_others() -> None:
    numbers = [texts(CountingReader(), frames(number=number)).segment.segment for number in range(3)]
    assert numbers == [FIRST_NUMBER, FIRST_NUMBER + 1, FIRST_NUMBER + 2]


def test_text_has_the_time_of_the_first_frame_that_shows_it() -> None:
    reader = CountingReader("hidden cam", "t.me/room")
    (text,) = texts(reader, frames(Image.new("RGB", (568, 320)), written("hidden cam"))).texts
    assert (text.source, text.text, text.time_s) == ("screen", "hidden cam t.me/room", 61.0)


def test_a_caption_that_stays_is_read_once_and_at_most_twelve_frames_are() -> None:
    staying, moving = CountingReader("a"), CountingReader("a")
    texts(staying, frames(*[written("stays where it is")] * 20))
    texts(moving, frames(*[written("moves all the time", at=40 + 12 * n) for n in range(18)]))
    assert (staying.n_calls, moving.n_calls) == (1, 9)


def test_frames_whose_texts_decode_did_not_count_are_skipped() -> None:
    assert is_counted(frames(text=4))
    assert not is_counted(frames(text=1))


def test_a_picture_without_text_does_not_pass_the_gate() -> None:
    assert text_tiles(written("who has the full video")).any()
    assert not text_tiles(Image.linear_gradient("L").convert("RGB")).any()
    assert not text_tiles(Image.new("RGB", (4, 4))).any()


def test_the_stage_runs_only_if_enabled() -> None:
    off, on = load_settings(), load_settings(ocr=True)
    assert all_stages(off) == STAGES
    assert set(all_stages(on)) - set(STAGES) == {"screen"}
    assert in_flow_order(["text", "screen"]) == ("screen", "text")
    with pytest.raises(UsageError, match="JIKIMI_OCR"):
        reader_of(enabled=False)


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match='install the extra "ocr"'):
        reader_of(enabled=True)


@pytest.mark.skipif(missing() is not None and missing().needed, reason="RapidOCR, the extra ocr, is not installed")  # type: ignore[union-attr]
def test_latin_text_on_a_picture_is_read() -> None:
    text = " ".join(ScreenReader().read(written("full video t.me/hidden_room")))
    assert "t.me/hidden_room" in text
