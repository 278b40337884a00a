"""NCMEC's hash sharing, version 2: pages of /entries as XML, and feedback on fingerprints.

Other fingerprints than MD5 and PDQ are counted and left out: PhotoDNA, SHA-1 and TMK+PDQF are not computed here.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from schemas.messages import SignalKind
from streams.exchange.formats.changes import Change, Signal, Skipped, checked_origin, signal_of, specific
from streams.exchange.formats.ncmec_entries import Entry, entries
from streams.exchange.formats.opinions import Opinion

_NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
_KINDS: Mapping[str, SignalKind] = {"md5": "md5", "pdq": "pdq"}
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def read(content: bytes, skipped: Skipped) -> Iterator[tuple[int, Change]]:
    """Yield the changes of a list and their lines; raises a `ListError`."""
    for entry in entries(content):
        origin = checked_origin(f"{entry.member}/{entry.name}", entry.line)
        is_film = entry.kind == "video"
        yield entry.line, Change(origin, () if entry.deleted else tuple(_signals(entry, skipped)), is_film)


def write(changes: Iterable[Change], *, at: datetime, withdrawn: bool = False, member: int = 0) -> bytes:
    """Return a page with these entries; `member` is our id there."""
    stamp = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    root = ET.Element("queryResult", xmlns=_NAMESPACE)
    of_kind: dict[bool, list[Change]] = {False: [], True: []}
    for change in changes:
        of_kind[change.is_film].append(change)
    for is_film, found in of_kind.items():
        name = "video" if is_film else "image"
        group = ET.SubElement(root, f"{name}s", count=str(len(found)), maxTimestamp=stamp)
        for change in found:
            _add(group, name, change, stamp, member, withdrawn=withdrawn)
    return _xml(root)


def feedback(opinions: Iterable[tuple[Change, Opinion]]) -> bytes:
    """Return the submissions, each to be sent as `PUT /entries/{path}`; a negative one needs a reason of their list."""
    root = ET.Element("feedbackSubmissions")
    for change, opinion in opinions:
        for signal in change.signals:
            path = f"{change.origin}/{signal.kind.upper()}/feedback"
            sent = ET.SubElement(root, "feedbackSubmission", path=path, xmlns=_NAMESPACE)
            if opinion == "confirmed":
                ET.SubElement(sent, "affirmative")
            else:
                ET.SubElement(ET.SubElement(sent, "negative"), "reasonIds")
    return _xml(root)


def _signals(entry: Entry, skipped: Skipped) -> Iterator[Signal]:
    for name, text in entry.fingerprints:
        if (kind := _KINDS.get(name.lower())) is None:
            skipped[name] += 1
        else:
            yield from specific([signal_of(kind, text, entry.line)], skipped)


def _add(group: ET.Element, name: str, change: Change, stamp: str, member: int, *, withdrawn: bool) -> None:
    entry = ET.SubElement(group, f"deleted{name.title()}" if withdrawn else name)
    ET.SubElement(entry, "member", id=str(member)).text = "Jikimi"
    ET.SubElement(entry, "timestamp").text = stamp
    ET.SubElement(entry, "id").text = change.origin
    if withdrawn:
        return
    fingerprints = ET.SubElement(entry, "fingerprints")
    for kind, value in change.signals:
        ET.SubElement(fingerprints, kind).text = value.hex()


def _xml(root: ET.Element) -> bytes:
    ET.indent(root)
    return _DECLARATION + ET.tostring(root) + b"\n"
