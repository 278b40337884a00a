"""Print the recall and cost of reading text on frames: ``python -m ops.bench.screen_text FONT VIDEO [VIDEO …]``.

FONT is a font file with Hangul, such as NanumGothicBold.ttf of the Debian package fonts-nanum. Every line is drawn on
frames at the decoder's output size, in two letter sizes, with an outline. Needs the extra ocr; Tesseract for Hangul.
"""

import argparse
import io
import sys
import time
from collections import Counter

import av
from PIL import Image, ImageDraw, ImageFont

from models.screen.gate import text_tiles
from models.screen.reader import ScreenReader, missing
from models.text.forms import Strength, term_forms
from models.text.links import links
from models.text.running_text import text_forms

_LINES = {
    "handle": ("dm @hidden_cam99 now", "hidden_cam99"),
    "link": ("full: t.me/hidden_room", "t.me/hidden_room"),
    "Hangul name": ("김민지 유출 영상", "김민지"),
    "Hangul title": ("별하늘 브이로그 원본", "별하늘 브이로그"),
}
_SHORT_SIDE = 320
_QUALITY = 85
_SIZES = (0.08, 0.13)
"""Letter sizes, as a share of the frame's height."""
_EVERY_S = 2.0
_MAX_FRAMES = 2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("font", metavar="FONT")
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    given = parser.parse_args()
    if (lacking := missing()) is not None:
        sys.exit(f"{lacking.message}: {lacking.remedy}")
    font_file, videos = given.font, given.videos
    bare = [frame for video in videos for frame in _frames(video)]
    _print_gate(bare)
    reader = ScreenReader()
    reader.read(bare[0])
    found: Counter[tuple[str, float]] = Counter()
    passed: Counter[tuple[str, float]] = Counter()
    start = time.process_time()
    for name, (line, wanted) in _LINES.items():
        for size in _SIZES:
            for frame in bare:
                picture = _written(frame, line, font_file, size)
                if text_tiles(picture).any():
                    passed[name, size] += 1
                    found[name, size] += _names(reader.read(picture), wanted)
        rates = ", ".join(f"{size:.2f}: {passed[name, size]} / {found[name, size]}" for size in _SIZES)
        sys.stdout.write(f"{name}, of {len(bare)} frames, passed the gate / found, by letter size: {rates}\n")
    n_read = sum(passed.values())
    cpu_s = time.process_time() - start
    sys.stdout.write(f"{cpu_s / max(n_read, 1):.2f} CPU seconds a frame read, Tesseract's own not counted\n")


def _names(lines: list[str], wanted: str) -> bool:
    if "/" in wanted:
        return wanted in links(lines)
    forms = term_forms(wanted)
    return any(forms[form] is Strength.STRONG for form in text_forms(" ".join(lines)) & forms.keys())


def _print_gate(frames: list[Image.Image]) -> None:
    start = time.process_time()
    n_passed = sum(bool(text_tiles(frame).any()) for frame in frames)
    cpu_ms = 1e3 * (time.process_time() - start) / len(frames)
    sys.stdout.write(f"without text {n_passed} of {len(frames)} frames pass the gate, {cpu_ms:.1f} ms each\n")


def _written(frame: Image.Image, line: str, font_file: str, size: float) -> Image.Image:
    picture = frame.copy()
    font = ImageFont.truetype(font_file, round(size * picture.height))
    place = (picture.width / 2, 0.8 * picture.height)
    ImageDraw.Draw(picture).text(place, line, font=font, fill="white", stroke_width=1, stroke_fill="black", anchor="mm")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return Image.open(buffer).convert("RGB")


def _frames(video: str) -> list[Image.Image]:
    frames: list[Image.Image] = []
    with av.open(video) as container:
        for frame in container.decode(video=0):
            if (frame.time or 0.0) >= len(frames) * _EVERY_S:
                picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
                scale = _SHORT_SIDE / min(picture.size)
                frames.append(picture.resize((round(picture.width * scale), round(picture.height * scale))))
            if len(frames) == _MAX_FRAMES:
                break
    return frames


if __name__ == "__main__":
    main()
