"""Subtitle packets as plain text with times. Runs in the sandbox."""

import re

import av.error
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle

from schemas.messages import Text
from streams.decode.media.tracks import AnyPacket

_MAX_CHARACTERS = 200_000
"""Most characters of one medium: three hours of speech have about 150,000, and the record must fit its topic."""
_OVERRIDES = re.compile(r"\{[^}]*\}")
_MARKUP = re.compile(r"<[^<>]*>")
_BREAKS = re.compile(r"\\[Nnh]|\s+")
_FIELDS_BEFORE_TEXT = 8


class SubtitleReader:
    """Reads the subtitles of one medium."""

    def __init__(self) -> None:
        self._n_characters = 0

    def read(self, packet: AnyPacket, offset_s: float) -> list[Text]:
        """Return the texts of one packet; none for bitmap subtitles, broken packets, or too much text.

        Parameters
        ----------
        offset_s
            Seconds from the packet's timestamps to the medium's clock.
        """
        if packet.pts is None or not isinstance(packet.stream, SubtitleStream):
            return []
        time_s = max(0.0, float(packet.pts * packet.time_base) + offset_s)
        try:
            found = packet.stream.decode(packet)
        except (av.error.InvalidDataError, UnicodeDecodeError):
            return []
        lines = (plain(subtitle) for subtitle in found if isinstance(subtitle, AssSubtitle))
        return [Text(source="subtitle", text=line, time_s=time_s) for line in lines if self._has_room(line)]

    def _has_room(self, line: str) -> bool:
        self._n_characters += len(line)
        return bool(line) and self._n_characters <= _MAX_CHARACTERS


def plain(subtitle: AssSubtitle) -> str:
    """Return a subtitle's text without styling, on one line.

    FFmpeg returns every text subtitle as an ASS event: eight fields, then text with {overrides}.
    """
    event = subtitle.ass.decode("utf-8", "replace")
    text = event.split(",", _FIELDS_BEFORE_TEXT)[-1]
    return _BREAKS.sub(" ", _MARKUP.sub("", _OVERRIDES.sub("", text))).strip()
