import io
from datetime import UTC, datetime
from typing import cast

import pytest
from PIL import Image, ImageDraw, ImageFont

from models.screen.gate import text_tiles
from models.screen.reader import ScreenReader, missing
from schemas.messages import Frame, Frames, Parts, PostRef, Segment, Texts
from streams.describe.screen import _reader as reader_of
from streams.describe.screen import is_counted, read_frames
from streams.errors import UsageError
from streams.settings import load_settings
from streams.topology import STAGES, all_stages, group, in_flow_order

AT = datetime(2026, 1, 1, tzinfo=UTC)
POST = PostRef(post_id="p", platform="x", url="http://x/p", published_at=AT, seen_at=AT)


class Noting:
    """A reader that says what is given to it and counts what it was shown."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.n_shown = 0

    def read(self, picture: Image.Image) -> list[str]:
        assert picture.mode == "RGB"
        self.n_shown += 1
        return list(self.words)


def written(words: str, at: int = 120) -> Image.Image:
    picture = Image.new("RGB", (568, 320), (40, 60, 90))
    ImageDraw.Draw(picture).text((30, at), words, fill="white", font=ImageFont.load_default(34))
    return picture


def frames(*pictures: Image.Image | bytes, text: int = 4, segment: int = 1) -> Frames:
    parts = Parts(visual=3, audio=0, text=text)
    where = Segment(post=POST, parts=parts, segment=segment, medium=0, start_s=60.0, duration_s=60.0)
    return Frames(segment=where, frames=[Frame(time_s=60.0 + n, jpeg=jpeg(one)) for n, one in enumerate(pictures)])


def jpeg(picture: Image.Image | bytes) -> bytes:
    if isinstance(picture, bytes):
        return picture
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG")
    return buffer.getvalue()


def texts(reader: Noting, message: Frames) -> Texts:
    output = read_frames(reader, message)
    assert output.topic == "texts"
    said = cast("Texts", output.message)
    assert output.key == f"p/text/{said.segment.segment}"
    return said


@pytest.mark.parametrize("pictures", [[], [b"no picture"], [Image.new("RGB", (568, 320), "blue")]])
def test_frames_without_words_give_one_record_without_texts(pictures: list[Image.Image | bytes]) -> None:
    reader = Noting("never")
    assert texts(reader, frames(*pictures)).texts == []
    assert reader.n_shown == 0


def test_the_texts_of_the_screen_are_numbered_after_all_others() -> None:
    numbers = [texts(Noting(), frames(segment=segment)).segment.segment for segment in range(3)]
    assert numbers == [1, 2, 3]  # 0 is the post's own


def test_words_are_told_with_the_time_they_are_first_seen() -> None:
    (text,) = texts(
        Noting("hidden cam", "t.me/room"), frames(Image.new("RGB", (568, 320)), written("hidden cam"))
    ).texts
    assert (text.source, text.text, text.time_s) == ("screen", "hidden cam t.me/room", 61.0)


def test_a_caption_that_stays_is_read_once_and_at_most_twelve_frames_are() -> None:
    staying, moving = Noting("a"), Noting("a")
    texts(staying, frames(*[written("stays where it is")] * 20))
    texts(moving, frames(*[written("moves all the time", at=40 + 12 * n) for n in range(18)]))
    assert (staying.n_shown, moving.n_shown) == (1, 9)


def test_frames_that_decode_did_not_count_are_left_alone() -> None:
    assert is_counted(frames(text=4))
    assert not is_counted(frames(text=1))


def test_a_picture_without_words_does_not_pass_the_gate() -> None:
    assert text_tiles(written("who has the full video")).any()
    assert not text_tiles(Image.linear_gradient("L").convert("RGB")).any()
    assert not text_tiles(Image.new("RGB", (4, 4))).any()


def test_the_stage_runs_only_where_it_is_asked_for() -> None:
    off, on = load_settings(), load_settings(ocr=True)
    assert all_stages(off) == STAGES
    assert set(all_stages(on)) - set(STAGES) == {"screen"}
    assert group(on, all_stages(on)) == group(off, STAGES) == "jikimi-all"
    assert in_flow_order(["text", "screen"]) == ("screen", "text")
    with pytest.raises(UsageError, match="JIKIMI_OCR"):
        reader_of(asked=False)


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match='install the extra "ocr"'):
        reader_of(asked=True)


@pytest.mark.skipif(missing() is not None and missing().needed, reason="RapidOCR, the extra ocr, is not installed")  # type: ignore[union-attr]
def test_latin_words_on_a_picture_are_read() -> None:
    said = " ".join(ScreenReader().read(written("full video t.me/hidden_room")))
    assert "t.me/hidden_room" in said
