"""OCR of a picture: RapidOCR finds the lines and reads Latin, Chinese and Japanese, Tesseract reads Hangul.

PP-OCRv6, which RapidOCR includes, has no Hangul among its 18,710 characters; Tesseract finds few lines in a photograph
but reads a line cut out of one.
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

_LEAST_CONFIDENCE = 0.6
"""Least confidence of a line, as RapidOCR reports it."""
_LINE_HEIGHT = 48
_MARGIN = 16
_MAX_LINES = 24
_LONGEST_LINE = 1600
_TIMEOUT_S = 20.0
_HANGUL = re.compile("[가-힣]{2,}")
_LATIN = re.compile("[A-Za-z0-9@]{3,}")

Pixels = npt.NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""


class Missing(NamedTuple):
    """A program or package that is not installed."""

    message: str
    remedy: str
    needed: bool
    """True if no text can be read without it."""


def missing() -> Missing | None:
    """Return the missing program or package for OCR, None if all are installed."""
    if importlib.util.find_spec("rapidocr") is None:
        return Missing(
            "text on screen cannot be read: RapidOCR is not installed", 'install the extra "ocr"', needed=True
        )
    if "kor" not in _languages():
        remedy = "install Tesseract and its Korean data (tesseract-ocr, tesseract-ocr-kor)"
        return Missing("Hangul on screen is not read: Tesseract with Korean is not installed", remedy, needed=False)
    return None


class ScreenReader:
    """Reads pictures; safe to call from several threads.

    Raises
    ------
    ImportError
        RapidOCR is not installed; check with `missing`.
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
        """Return the lines of text in an RGB picture, Hangul last."""
        pixels = np.asarray(picture)[:, :, ::-1]
        image = np.ascontiguousarray(pixels)
        with self._lock:
            # Detection is a call of its own, because with recognition RapidOCR drops unreadable boxes, such as Hangul.
            boxes = self._lines(image, use_det=True, use_cls=False, use_rec=False).boxes
            if boxes is None or not len(boxes):
                return []
            found = self._lines(image, use_det=True, use_cls=False, use_rec=True)
        boxes = list(boxes)[:_MAX_LINES]
        hangul = self._hangul([_cut(picture, box) for box in boxes]) if self._reads_hangul else []
        # In a picture with Hangul, lines read as Chinese are unreliable.
        scored = zip(found.txts or (), found.scores or (), strict=True)
        read = [text for text, score in scored if score >= _LEAST_CONFIDENCE]
        return [*(text for text in read if _LATIN.search(text) or not hangul), *hangul]

    @staticmethod
    def _hangul(lines: list[Image.Image]) -> list[str]:
        """Read the lines as one page of Korean."""
        command = ["tesseract", "stdin", "stdout", "-l", "kor", "--psm", "6"]
        try:
            done = subprocess.run(  # noqa: S603 - a constant command, and a picture made here
                command,
                input=_page(lines),
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            )
        except subprocess.TimeoutExpired:
            return []
        output = done.stdout.decode("utf-8", "replace").splitlines()
        return [" ".join(line.split()) for line in output if _HANGUL.search(line)]


def _cut(picture: Image.Image, box: npt.NDArray[np.float32]) -> Image.Image:
    """Return a line, given by its four corners clockwise, straightened and 48 pixels high."""
    across, down = np.linalg.norm(box[1] - box[0]), np.linalg.norm(box[3] - box[0])
    width = int(np.clip(_LINE_HEIGHT * across / max(down, 1.0), 1, _LONGEST_LINE))
    upper_left, upper_right, lower_right, lower_left = (tuple(map(float, corner)) for corner in box)
    corners = (*upper_left, *lower_left, *lower_right, *upper_right)
    grey = picture.convert("L")
    return grey.transform((width, _LINE_HEIGHT), Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)


def _page(lines: list[Image.Image]) -> bytes:
    """Return a PNG of the lines one below the other, dark on light."""
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
    """Return the languages of Tesseract, none if it is not installed."""
    if (program := shutil.which("tesseract")) is None:
        return set()
    done = subprocess.run([program, "--list-langs"], capture_output=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603
    return set(done.stdout.decode("utf-8", "replace").split()[1:])
