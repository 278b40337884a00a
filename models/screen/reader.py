"""The words in a picture: RapidOCR finds the lines and reads Latin, Chinese and Japanese, Tesseract reads Hangul.

PP-OCRv6, which RapidOCR carries, has no Hangul among its 18,710 signs; Tesseract finds few lines in a photograph but
reads one that is cut out for it.
"""

import importlib.util
import io
import os
import re
import shutil
import subprocess
import threading
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

_SURE = 0.6
"""RapidOCR's own confidence of a line."""
_LINE_HEIGHT = 48
_MARGIN = 16
_MOST_LINES = 24
_LONGEST_LINE = 1600
_TIMEOUT_S = 20.0
_HANGUL = re.compile("[가-힣]{2,}")
_LATIN = re.compile("[A-Za-z0-9@]{3,}")

Pixels = npt.NDArray[np.uint8]


class Missing(NamedTuple):
    """What is not installed."""

    told: str
    remedy: str
    needed: bool
    """Whether nothing can be read without it."""


def missing() -> Missing | None:
    """Return what keeps words on screen from being read, None if nothing does."""
    if importlib.util.find_spec("rapidocr") is None:
        return Missing(
            "no words on screen can be read: RapidOCR is not installed", 'install the extra "ocr"', needed=True
        )
    if "kor" not in _languages():
        remedy = "install Tesseract and its Korean data (tesseract-ocr, tesseract-ocr-kor)"
        return Missing("Hangul on screen is not read: there is no Tesseract with Korean", remedy, needed=False)
    return None


class ScreenReader:
    """Reads pictures; safe to call from several threads.

    Raises
    ------
    ImportError
        RapidOCR is not installed; `missing` tells beforehand.
    """

    def __init__(self) -> None:
        from rapidocr import RapidOCR  # noqa: PLC0415 - an extra

        self._lock = threading.Lock()
        self._lines: Any = RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.use_cls": False,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )
        self._reads_hangul = "kor" in _languages()

    def read(self, picture: Image.Image) -> list[str]:
        """Return the lines of words in an RGB picture, Hangul last."""
        pixels = np.asarray(picture)[:, :, ::-1]
        image = np.ascontiguousarray(pixels)
        with self._lock:
            # Asked apart, for it keeps the boxes of what it cannot read, as Hangul, to itself.
            boxes = self._lines(image, use_det=True, use_cls=False, use_rec=False).boxes
            if boxes is None or not len(boxes):
                return []
            found = self._lines(image, use_det=True, use_cls=False, use_rec=True)
        boxes = list(boxes)[:_MOST_LINES]
        hangul = self._hangul([_cut(picture, box) for box in boxes]) if self._reads_hangul else []
        # Where it is Hangul, what was taken for Chinese is not to be believed.
        scored = zip(found.txts or (), found.scores or (), strict=True)
        read = [text for text, score in scored if score >= _SURE]
        return [*(text for text in read if _LATIN.search(text) or not hangul), *hangul]

    @staticmethod
    def _hangul(lines: list[Image.Image]) -> list[str]:
        """Read the lines as one page of Korean."""
        command = ["tesseract", "stdin", "stdout", "-l", "kor", "--psm", "6"]
        try:
            done = subprocess.run(  # noqa: S603 - our own command, and a picture that we made
                command,
                input=_page(lines),
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            )
        except subprocess.TimeoutExpired:
            return []
        said = done.stdout.decode("utf-8", "replace").splitlines()
        return [" ".join(line.split()) for line in said if _HANGUL.search(line)]


def _cut(picture: Image.Image, box: npt.NDArray[np.float32]) -> Image.Image:
    """Return a line, given by its four corners clockwise, laid straight and 48 pixels high."""
    across, down = np.linalg.norm(box[1] - box[0]), np.linalg.norm(box[3] - box[0])
    width = int(np.clip(_LINE_HEIGHT * across / max(down, 1.0), 1, _LONGEST_LINE))
    upper_left, upper_right, lower_right, lower_left = (tuple(map(float, corner)) for corner in box)
    corners = (*upper_left, *lower_left, *lower_right, *upper_right)
    grey = picture.convert("L")
    return grey.transform((width, _LINE_HEIGHT), Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)


def _page(lines: list[Image.Image]) -> bytes:
    """Return a PNG of the lines one under another, dark on light."""
    width = max(line.width for line in lines) + 2 * _MARGIN
    page = Image.new("L", (width, len(lines) * (_LINE_HEIGHT + _MARGIN) + _MARGIN), 255)
    for number, line in enumerate(lines):
        pixels = np.asarray(line)
        if np.median(pixels) < (int(pixels.min()) + int(pixels.max())) / 2:  # light letters on a dark ground
            pixels = 255 - pixels
        page.paste(Image.fromarray(pixels), (_MARGIN, _MARGIN + number * (_LINE_HEIGHT + _MARGIN)))
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


def _languages() -> set[str]:
    """Return what Tesseract reads, nothing if it is not there."""
    if (program := shutil.which("tesseract")) is None:
        return set()
    told = subprocess.run([program, "--list-langs"], capture_output=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603
    return set(told.stdout.decode("utf-8", "replace").split()[1:])
