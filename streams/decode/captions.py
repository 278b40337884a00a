"""Captions of a video in a file of their own (WebVTT), as texts with times.

They are read here and not in the sandbox: reading them takes no decoder, only a few lines on plain text.
"""

import re
from html import unescape
from pathlib import Path

from schemas.messages import Text
from streams.decode.media.decoded import MediaInfo
from streams.errors import UnprocessableError

KIND = "captions"
"""Kind of such a medium in a post."""

_MAX_BYTES = 1024 * 1024
"""Of a file; Bluesky allows 20 kB."""
_MAX_CHARACTERS = 200_000
"""Most characters of one file: three hours of speech have about 150,000, and the record must fit its topic."""
_CUE = re.compile(r"(?:(\d{1,6}):)?(\d{1,2}):(\d{1,2})[.,](\d{3})[ \t]*-->")
_MARKUP = re.compile(r"<[^<>]*>")
_LINES = re.compile(r"\r\n|\r|\n")


def read_captions(path: Path) -> MediaInfo:
    """Return the texts of a caption file, as those of a medium without picture and sound.

    Raises
    ------
    UnprocessableError
        media_unreadable: it is too large, or no WebVTT.
    """
    with path.open("rb") as file:
        raw = file.read(_MAX_BYTES + 1)
    lines = _LINES.split(raw.decode(errors="replace").removeprefix("\ufeff"))
    if len(raw) > _MAX_BYTES or not lines[0].startswith("WEBVTT"):
        raise UnprocessableError("media_unreadable", f"captions of {len(raw)} bytes that are not WebVTT")
    return MediaInfo(kind="audio", duration_s=0.0, subtitles=_texts(lines))


def _texts(lines: list[str]) -> list[Text]:
    """Return the texts of the cues in time order; notes and styles come before no time and are left out."""
    found: list[tuple[float, list[str]]] = []
    within_cue = False
    for line in lines[1:]:
        if cue := _CUE.match(line.strip()):
            hours, minutes, seconds, milliseconds = (int(number or 0) for number in cue.groups())
            found.append((hours * 3600.0 + minutes * 60 + seconds + milliseconds / 1000, []))
            within_cue = True
        elif not line.strip():
            within_cue = False
        elif within_cue:
            found[-1][1].append(_plain(line))
    return _bounded(sorted((time_s, " ".join(filter(None, texts))) for time_s, texts in found))


def _plain(line: str) -> str:
    """Return a line without markup; a reference to a character may be a number of any length."""
    try:
        return unescape(_MARKUP.sub("", line)).strip()
    except ValueError:
        return line.strip()


def _bounded(cues: list[tuple[float, str]]) -> list[Text]:
    texts, n_characters = [], 0
    for time_s, text in cues:
        n_characters += len(text)
        if text and n_characters <= _MAX_CHARACTERS:
            texts.append(Text(source="subtitle", text=text, time_s=time_s))
    return texts
