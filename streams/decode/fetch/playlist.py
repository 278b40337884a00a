"""HLS playlists (RFC 8216): the tags that name media, read from text that anybody may have written.

Own code, because the library for it (m3u8 6.0) takes seconds for 70 kB of keys, and ends at a date that it cannot read.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.decode.fetch.pieces import LEAST_SHORT_SIDE, MAX_SEGMENTS, Media, Piece, Segment, smallest_enough
from streams.errors import UnprocessableError

_ATTRIBUTE = re.compile(r'([A-Z0-9-]{1,64})=(?:"([^"]*)"|([^,]*))')
_RANGE = re.compile(r"([0-9]{1,15})(?:@([0-9]{1,15}))?")
_SIZE = re.compile(r"([0-9]{1,6})x([0-9]{1,6})")

type Attributes = dict[str, str]


class Variant(NamedTuple):
    """A stream of a master playlist."""

    uri: str
    short_side: int
    """Pixels; 0 if not given."""
    bits_per_s: int
    sounds: str
    """Group of renditions with its sound; empty if it has none apart."""


class Sound(NamedTuple):
    """A rendition of sound apart from the picture."""

    uri: str
    """Empty if the variant itself has it."""
    group: str
    is_default: bool


@dataclass(slots=True)
class Playlist(Media):
    """What a playlist names: segments, or other playlists."""

    variants: list[Variant] = field(default_factory=list)
    sounds: list[Sound] = field(default_factory=list)

    def variant(self) -> Variant:
        """Return the smallest variant that is large enough, else the largest; there must be one."""
        return smallest_enough(self.variants, lambda each: (each.short_side, each.bits_per_s), LEAST_SHORT_SIDE)

    def sound(self, variant: Variant) -> Sound | None:
        """Return the rendition of sound that a player takes by default, None if the variant itself has the sound."""
        group = [each for each in self.sounds if variant.sounds and each.group == variant.sounds]
        chosen = next((each for each in group if each.is_default), group[0] if group else None)
        return chosen if chosen and chosen.uri else None


def parsed(text: str, base: str = "") -> Playlist:
    """Return what a playlist from an address names, in time proportional to its length.

    Raises
    ------
    UnprocessableError
        media_playlist: a range of bytes cannot be read.
    """
    reader = _Reader(Playlist(base))
    for match in re.finditer(r"[^\r\n]+", text):
        reader.read(match[0].strip())
        if reader.is_full:
            break
    return reader.found


class _Reader:
    def __init__(self, found: Playlist) -> None:
        self.found = found
        self._stream: Attributes | None = None
        self._init: Piece | None = None
        self._range = ""
        self._is_encrypted = self._is_gap = False
        self._last: Piece | None = None

    @property
    def is_full(self) -> bool:
        """True if no more is read."""
        return self.found.is_cut

    def read(self, line: str) -> None:
        """Read one line."""
        tag, _, value = line.partition(":")
        match tag:
            case "#EXT-X-STREAM-INF":
                self._stream = _attributes(value)
            case "#EXT-X-MEDIA":
                self._add_sound(_attributes(value))
            case "#EXT-X-MAP":
                attributes = _attributes(value)
                self._init = _piece(attributes.get("URI", ""), attributes.get("BYTERANGE", ""), 0)
            case "#EXT-X-KEY":
                self._is_encrypted = _attributes(value).get("METHOD") != "NONE"
            case "#EXT-X-BYTERANGE":
                self._range = value
            case "#EXT-X-GAP":
                self._is_gap = True
            case _ if line and not line.startswith("#"):
                self._add(line)

    def _add_sound(self, given: Attributes) -> None:
        if given.get("TYPE") == "AUDIO" and self._has_room(len(self.found.sounds)):
            self.found.sounds.append(
                Sound(given.get("URI", ""), given.get("GROUP-ID", ""), given.get("DEFAULT") == "YES")
            )

    def _add(self, uri: str) -> None:
        if self._stream is not None:
            if self._has_room(len(self.found.variants)):
                self.found.variants.append(_variant(uri, self._stream))
            self._stream = None
        elif self._is_gap:
            self._is_gap, self._range = False, ""
        else:
            follows = self._last.end or 0 if self._last and self._last.uri == uri else 0
            self._last = _piece(uri, self._range, follows)
            self._range = ""
            self.found.add(Segment(self._last, self._init, self._is_encrypted))

    def _has_room(self, n_found: int) -> bool:
        self.found.is_cut = n_found >= MAX_SEGMENTS
        return not self.found.is_cut


def _attributes(text: str) -> Attributes:
    return {match[1]: match[2] if match[2] is not None else match[3].strip() for match in _ATTRIBUTE.finditer(text)}


def _piece(uri: str, given: str, follows: int) -> Piece:
    if not given:
        return Piece(uri)
    match = _RANGE.fullmatch(given.strip())
    if match is None or not int(match[1]):
        raise UnprocessableError("media_playlist", f"the playlist has the range of bytes {given[:40]!r}")
    start = follows if match[2] is None else int(match[2])
    return Piece(uri, start, start + int(match[1]))


def _variant(uri: str, given: Attributes) -> Variant:
    size = _SIZE.fullmatch(given.get("RESOLUTION", ""))
    rate = given.get("BANDWIDTH", "")
    return Variant(
        uri,
        min(int(size[1]), int(size[2])) if size else 0,
        int(rate) if rate.isascii() and rate.isdecimal() and len(rate) < 16 else 0,  # noqa: PLR2004 - digits
        given.get("AUDIO", ""),
    )
