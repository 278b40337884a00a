"""Addresses of the segments of one DASH representation: by template, in a list, or one file."""

import re
from collections.abc import Iterator
from itertools import count
from math import ceil
from typing import NamedTuple
from xml.etree.ElementTree import Element

from streams.decode.fetch.pieces import Piece, Segment, refused, resolved
from streams.errors import UnprocessableError

_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_RANGE = re.compile(r"([0-9]{1,15})-([0-9]{1,15})", re.ASCII)
_IDENTIFIER = re.compile(r"\$(?:(RepresentationID|Number|Bandwidth|Time)(?:%0([0-9]{1,2})d)?)?\$", re.ASCII)
_LONGEST_LINK = 8192
"""Characters; a template makes thousands of links of its length."""

type Values = dict[str, str | int]
type Place = tuple[int, int]
"""Number and time of a segment."""


class Representation(NamedTuple):
    """A representation, and what it inherits."""

    base: str
    levels: tuple[Element, ...]
    """Period, adaptation set, representation."""
    duration_s: float | None
    """Duration of its period."""
    is_encrypted: bool

    def inherited(self, tag: str) -> Element | None:
        """Return the element of a kind, with what those above it have and it has not; None if there is none."""
        found = [element for level in self.levels if (element := level.find(tag)) is not None]
        if not found:
            return None
        joined = Element(tag, {name: value for element in found for name, value in element.items()})
        nearest = {child.tag: element for element in found for child in element}
        joined.extend(child for element in found for child in element if nearest[child.tag] is element)
        return joined

    def given(self, name: str) -> str:
        """Return its own value of an attribute, or that of the nearest level above."""
        return next((value for level in reversed(self.levels) if (value := level.get(name))), "")


def segments(of: Representation, *, is_file: bool) -> Iterator[Segment]:
    """Yield the segments of a representation.

    Parameters
    ----------
    is_file
        True if a single file of this type keeps its own headers behind other media.

    Raises
    ------
    UnprocessableError
        media_playlist: its addresses cannot be read; link_malformed, link_scheme.
    """
    if (template := of.inherited("SegmentTemplate")) is not None:
        return _by_template(of, template)
    if (listed := of.inherited("SegmentList")) is not None:
        return _by_list(of, listed)
    return iter([Segment(_piece(of.base, ""), None, of.is_encrypted, is_file)])


def number(text: str | None, default: int = 0) -> int:
    """Return a whole number; the default if there is none."""
    return int(text) if text and _NUMBER.fullmatch(text) else default


def _by_template(of: Representation, template: Element) -> Iterator[Segment]:
    values: Values = {"RepresentationID": of.given("id"), "Bandwidth": number(of.given("bandwidth"))}
    named = template.get("initialization")
    init = _piece(of.base, _filled(named, values)) if named else _init(of, template)
    media = template.get("media", "")
    for at, time in _places(template, of.duration_s, is_numbered="$Number" in media):
        uri = _filled(media, {**values, "Number": at, "Time": time})
        yield Segment(_piece(of.base, uri), init, of.is_encrypted)


def _by_list(of: Representation, listed: Element) -> Iterator[Segment]:
    init = _init(of, listed)
    for each in listed.iterfind("SegmentURL"):
        piece = _piece(of.base, each.get("media", ""), each.get("mediaRange", ""))
        yield Segment(piece, init, of.is_encrypted)


def _init(of: Representation, element: Element) -> Piece | None:
    found = element.find("Initialization")
    return None if found is None else _piece(of.base, found.get("sourceURL", ""), found.get("range", ""))


def _places(template: Element, duration_s: float | None, *, is_numbered: bool) -> Iterator[Place]:
    """Yield the places of a template's segments; endless only for a hostile manifest."""
    first, scale = number(template.get("startNumber"), 1), number(template.get("timescale"), 1)
    timeline = template.find("SegmentTimeline")
    if timeline is not None:
        end = None if duration_s is None else number(template.get("presentationTimeOffset")) + ceil(duration_s * scale)
        yield from zip(count(first), _times(timeline, end), strict=False)
        return
    step = number(template.get("duration"))
    last = number(template.get("endNumber"), -1)
    if last < 0 and step > 0 and duration_s is not None:
        last = first + ceil(duration_s * scale / step) - 1
    if last < 0 and is_numbered:
        raise refused("the manifest does not say how many segments there are")
    yield from ((at, (at - first) * step) for at in range(first, max(first, last) + 1))


def _times(timeline: Element, end: int | None) -> Iterator[int]:
    """Yield the times of a timeline's segments; one that repeats itself does so until the next, or the end."""
    runs = timeline.findall("S")
    at = 0
    for index, run in enumerate(runs):
        at = number(run.get("t"), at)
        step, n_more = number(run.get("d")), number(run.get("r"))
        if step <= 0:
            raise refused("the manifest has a segment of no duration")
        if n_more < 0:
            until = number(runs[index + 1].get("t"), at) if index + 1 < len(runs) else end
            if until is None:
                raise refused("the manifest does not say how many segments there are")
            n_more = -((at - until) // step) - 1
        for _ in range(n_more + 1):
            yield at
            at += step


def _filled(template: str, values: Values) -> str:
    """Return a template with its identifiers replaced."""

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1] or "", "" if match[1] else "$")
        return f"{found:0{int(match[2])}d}" if match[2] and isinstance(found, int) else str(found)

    if len(template) + template.count("$") * max(len(str(each)) for each in values.values()) > _LONGEST_LINK:
        raise _too_long()
    return _IDENTIFIER.sub(value, template)


def _piece(base: str, uri: str, given: str = "") -> Piece:
    """Return a link with the range of bytes of an attribute, whose last byte is inclusive."""
    url = resolved(base, uri)
    if len(url) > _LONGEST_LINK:
        raise _too_long()
    if not given:
        return Piece(url)
    match = _RANGE.fullmatch(given)
    if match is None or int(match[2]) < int(match[1]):
        raise refused(f"the manifest has the range of bytes {given[:40]!r}")
    return Piece(url, int(match[1]), int(match[2]) + 1)


def _too_long() -> UnprocessableError:
    return refused(f"the manifest has a link of more than {_LONGEST_LINK} characters")
