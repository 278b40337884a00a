"""DASH manifests (ISO/IEC 23009-1): the representations chosen of one, from text that anybody may have written.

Own code, because libraries for it (mpegdash 0.4) build objects of all elements with parsers that expand entities.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree as ET

from streams.decode.fetch.addressing import Representation, number, segments
from streams.decode.fetch.pieces import LEAST_SHORT_SIDE, Media, refused, resolved, smallest_enough

_MAX_ELEMENTS = 100_000
"""Elements of a manifest; two dozen representations of 4000 listed segments each have as many."""
_LEAST_SOUND_BITS_PER_S = 64_000
"""Rate of a sound that loses nothing when it is described; lower ones only if there is no higher one."""
_DURATION = re.compile(r"P(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?", re.ASCII)
_SECONDS = (86_400, 3600, 60, 1)
_JOINED = ("/mp4", "/webm")
"""Types whose files keep their own headers when they are joined."""
_TRICK_MODE = "http://dashif.org/guidelines/trickmode"

type Element = ET.Element


class _Period(NamedTuple):
    element: Element
    base: str
    duration_s: float | None


def parsed(text: str, base: str) -> tuple[Media, Media]:
    """Return picture and sound that a manifest from an address names, all its periods in order.

    Raises
    ------
    UnprocessableError
        media_playlist: it is no manifest, is live, or cannot be read; link_malformed, link_scheme.
    """
    root = _tree(text)
    if root.tag != "MPD":
        raise refused("the manifest has no MPD")
    if root.get("type") == "dynamic":
        raise refused("the manifest is that of a live stream, whose segments are not listed")
    picture, sound = Media(base), Media(base)
    for period in _periods(root, _below(base, root)):
        _add(picture, _chosen(period, "video"))
        _add(sound, _chosen(period, "audio"))
    return picture, sound


class _Builder(ET.TreeBuilder):
    """Builder of a tree without namespaces, of no more elements than allowed."""

    n_left = _MAX_ELEMENTS

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        """Open an element."""
        self.n_left -= 1
        if self.n_left < 0:
            raise refused(f"the manifest has more than {_MAX_ELEMENTS} elements")
        return super().start(_local(tag), attrs)

    def end(self, tag: str, /) -> Element:
        """Close an element."""
        return super().end(_local(tag))


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _tree(text: str) -> Element:
    """Return a manifest's root; without a document type there are no entities to expand or to fetch."""
    if "<!DOCTYPE" in text:
        raise refused("the manifest declares a document type")
    parser = ET.XMLParser(target=_Builder())  # noqa: S314 - what makes it unsafe needs a document type
    try:
        parser.feed(text)
        root = parser.close()
    except (ET.ParseError, ValueError) as error:
        raise refused(f"the manifest is not XML: {error}"[:200]) from error
    assert isinstance(root, ET.Element)
    return root


def _periods(root: Element, base: str) -> Iterator[_Period]:
    """Yield the periods; one lasts as long as it declares, else until the next, else until the end."""
    found, start_s = root.findall("Period"), 0.0
    total_s = _duration_s(root.get("mediaPresentationDuration"))
    for index, element in enumerate(found):
        given_s = _duration_s(element.get("start"))
        start_s = start_s if given_s is None else given_s
        end_s = _duration_s(found[index + 1].get("start")) if index + 1 < len(found) else total_s
        own_s = _duration_s(element.get("duration"))
        if own_s is None and end_s is not None:
            own_s = max(0.0, end_s - start_s)
        yield _Period(element, _below(base, element), own_s)
        start_s += own_s or 0.0


def _duration_s(text: str | None) -> float | None:
    match = _DURATION.fullmatch(text or "")
    if match is None:
        return None
    return sum(float(count) * seconds for count, seconds in zip(match.groups("0"), _SECONDS, strict=True))


def _chosen(period: _Period, kind: str) -> Representation | None:
    """Return the representation of a kind to fetch; an encrypted one only if there is no other."""
    found = [each for each in _representations(period) if _type(each).partition("/")[0] == kind]
    found = [each for each in found if not each.is_encrypted] or found
    if not found:
        return None
    if kind == "video":
        return smallest_enough(found, lambda each: (_short_side(each), _bits_per_s(each)), LEAST_SHORT_SIDE)
    main = next((each for each in found if _is_main(each.levels[1])), found[0])
    same = [each for each in found if each.levels[1] is main.levels[1]]
    return smallest_enough(same, lambda each: (_bits_per_s(each), 0), _LEAST_SOUND_BITS_PER_S)


def _is_main(group: Element) -> bool:
    return any(role.get("value") == "main" for role in group.iterfind("Role"))


def _representations(period: _Period) -> Iterator[Representation]:
    """Yield the representations of a period but those for fast playing."""
    for group in period.element.iterfind("AdaptationSet"):
        if any(each.get("schemeIdUri") == _TRICK_MODE for each in group.iterfind("EssentialProperty")):
            continue
        base = _below(period.base, group)
        for own in group.iterfind("Representation"):
            levels = (period.element, group, own)
            encrypted = any(element.find("ContentProtection") is not None for element in levels)
            yield Representation(_below(base, own), levels, period.duration_s, encrypted)


def _add(media: Media, chosen: Representation | None) -> None:
    if chosen is None:
        return
    for segment in segments(chosen, is_file=_type(chosen).endswith(_JOINED)):
        media.add(segment)
        if media.is_cut:
            return


def _below(base: str, element: Element) -> str:
    """Return the base of what an element contains."""
    given = (element.findtext("BaseURL") or "").strip()
    return resolved(base, given) if given else base


def _type(of: Representation) -> str:
    return of.given("mimeType") or of.given("contentType")


def _short_side(of: Representation) -> int:
    return min(number(of.given("width")), number(of.given("height")))


def _bits_per_s(of: Representation) -> int:
    return number(of.given("bandwidth"))
