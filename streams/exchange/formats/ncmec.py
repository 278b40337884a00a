"""NCMEC's hash sharing, version 2: pages of /entries as XML, and feedback on fingerprints.

PhotoDNA, SHA-1 and links to TMK+PDQF are counted and left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from schemas.messages import SignalKind
from streams.exchange.formats.changes import Change, Signal, Skipped, checked_origin, signal_of, specific, tmk_of
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
        signals, tmk = ((), b"") if entry.deleted else _hashes(entry, skipped)
        yield entry.line, Change(origin, signals, is_film, tmk)


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


def _hashes(entry: Entry, skipped: Skipped) -> tuple[tuple[Signal, ...], bytes]:
    """Return what is compared live, and a TMK+PDQF that is in the page itself, empty without one."""
    signals, tmk = list[Signal](), b""
    for name, text in entry.fingerprints:
        if (kind := _KINDS.get(name.lower())) is not None:
            signals += specific([signal_of(kind, text, entry.line)], skipped)
        elif name.lower().replace("_", "") == "tmkpdqf" and (found := tmk_of(text, entry.line)):
            tmk = found
        else:
            skipped[name] += 1
    return tuple(signals), tmk


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
