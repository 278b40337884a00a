"""What playlists and manifests name in the end: resources, or ranges of their bytes, to be fetched in order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from streams.errors import UnprocessableError

MAX_SEGMENTS = 4000
"""Segments read of one playlist; more than six hours of segments of 6 s."""
MAX_PARTS = 16
"""Parts with headers of their own read of one playlist; a film with advertisements has a dozen."""
LEAST_SHORT_SIDE = 360
"""Pixels of a picture that lose nothing when frames are sampled; smaller ones only if there is no larger one."""


class Piece(NamedTuple):
    """A resource or a range of its bytes."""

    uri: str
    """Relative to what names it, or absolute."""
    start: int = 0
    end: int | None = None
    """Exclusive; None for the whole resource."""


class Segment(NamedTuple):
    """A piece of media, and the initialization section that it needs."""

    piece: Piece
    init: Piece | None
    is_encrypted: bool
    is_file: bool = False
    """True if it is a whole file with headers of its own, in a format whose files can be joined."""


@dataclass(slots=True)
class Media:
    """Segments of one track or of several, in order, and the address to which theirs are relative."""

    base: str = ""
    segments: list[Segment] = field(default_factory=list)
    is_cut: bool = False
    """True if more is named than is read."""
    _n_parts: int = 0

    @property
    def is_part(self) -> bool:
        """True if its headers let it follow other media in a file."""
        return all(segment.init or segment.is_file for segment in self.segments)

    def add(self, segment: Segment) -> None:
        """Add a segment, unless there are too many."""
        last = self.segments[-1] if self.segments else None
        self._n_parts += segment.is_file or (last is not None and segment.init != last.init)
        self.is_cut = len(self.segments) >= MAX_SEGMENTS or self._n_parts > MAX_PARTS
        if not self.is_cut:
            self.segments.append(segment)


def smallest_enough[T](candidates: Sequence[T], size: Callable[[T], tuple[int, int]], least: int) -> T:
    """Return the smallest candidate whose first measure is large enough, else the largest; there must be one."""
    ordered = sorted(candidates, key=size)
    return next((each for each in ordered if size(each)[0] >= least), ordered[-1])


def pieces(segments: list[Segment]) -> Iterator[Piece]:
    """Yield what to fetch, in order, adjacent ranges as one: initialization sections before their segments."""
    last: Piece | None = None
    for piece in _separate(segments):
        if last and last.uri == piece.uri and last.end is not None and last.end == piece.start and piece.end:
            last = last._replace(end=piece.end)
            continue
        if last:
            yield last
        last = piece
    if last:
        yield last


def _separate(segments: list[Segment]) -> Iterator[Piece]:
    init = None
    for segment in segments:
        if segment.init and segment.init != init:
            init = segment.init
            yield init
        yield segment.piece


def resolved(base: str, uri: str) -> str:
    """Return the absolute link of what a playlist names: over HTTP, or where the playlist itself lies.

    Raises
    ------
    UnprocessableError
        link_malformed, link_scheme.
    """
    try:
        of_base = urlsplit(base).scheme
        url = urljoin(base, uri)
        if of_base == "s3" and not urlsplit(uri).scheme:  # which urljoin does not handle
            url = "s3" + urljoin("http" + base[2:], uri)[4:]
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise UnprocessableError("link_malformed", "a link of the playlist cannot be parsed") from error
    if scheme not in ("http", "https", of_base):
        raise UnprocessableError("link_scheme", f"links of scheme {scheme[:20]!r} are not fetched from this playlist")
    return url


def refused(detail: str) -> UnprocessableError:
    """Return the error of a playlist that cannot be read."""
    return UnprocessableError("media_playlist", detail)
