"""Meta's ThreatExchange: pages of /threat_updates, and reactions to descriptors."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from schemas.messages import SignalKind
from streams.exchange.formats.changes import Change, Skipped, checked_origin, signal_of, specific, tmk_of
from streams.exchange.formats.json_records import decoded, json_records
from streams.exchange.formats.opinions import Opinion

_KINDS: Mapping[str, SignalKind] = {"HASH_PDQ": "pdq", "HASH_VIDEO_MD5": "md5", "HASH_MD5": "md5"}
_REACTION: Mapping[Opinion, str] = {"confirmed": "HELPFUL", "withdrawn": "DISAGREE_WITH_TAGS"}


class _Owned(msgspec.Struct):
    status: str = "UNKNOWN"


class _Descriptors(msgspec.Struct):
    data: list[_Owned] = []


class _Record(msgspec.Struct):
    id: str | int
    should_delete: bool
    indicator: str = ""
    type: str = ""
    descriptors: _Descriptors | None = None


def read(content: bytes, skipped: Skipped) -> Iterator[tuple[int, Change]]:
    """Yield the changes of a list and their lines; raises a `ListError`.

    An indicator that all its owners hold to be harmless is not searched for.
    """
    for line, record in json_records(content, "data"):
        found = decoded((line, record), _Record)
        origin = checked_origin(str(found.id), line)
        if found.should_delete or found.descriptors is None:
            yield line, Change(origin)
            continue
        owned = found.descriptors.data
        is_harmless = bool(owned) and all(one.status == "NON_MALICIOUS" for one in owned)
        if found.type == "HASH_TMK" and (tmk := tmk_of(found.indicator, line)):
            yield line, Change(origin, tmk=b"" if is_harmless else tmk)
            continue
        kind = _KINDS.get(found.type)
        if kind is None:
            skipped[found.type] += 1
            continue
        signal = signal_of(kind, found.indicator, line)
        yield line, Change(origin, () if is_harmless else tuple(specific([signal], skipped)), is_film=kind == "md5")


def write(changes: Iterable[Change], *, at: datetime, withdrawn: bool = False, member: int = 0) -> bytes:
    """Return a page with these entries; `member` is the id of our app there."""
    records = [
        _record(change, kind, value, int(at.timestamp()), member, withdrawn=withdrawn)
        for change in changes
        for kind, value in change.signals
    ]
    return msgspec.json.format(msgspec.json.encode({"data": records}), indent=1) + b"\n"


def feedback(opinions: Iterable[tuple[Change, Opinion]]) -> bytes:
    """Return the reactions to set, each `POST /{id}` with `reactions`."""
    found = [{"id": change.origin, "reactions": _REACTION[opinion]} for change, opinion in opinions]
    return msgspec.json.format(msgspec.json.encode({"data": found}), indent=1) + b"\n"


def number_of(name: str) -> int:
    """Return a number for a name, as ids there are: 63 bits of its SHA-256."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1


def _record(
    change: Change, kind: SignalKind, value: bytes, stamp: int, member: int, *, withdrawn: bool
) -> dict[str, object]:
    number = str(number_of(f"{kind}-{value.hex()}"))
    tags = ["media_type_video" if change.is_film else "media_type_photo"]
    owned = {"id": number, "owner": {"id": str(member)}, "status": "MALICIOUS", "tags": tags}
    record: dict[str, object] = {
        "id": number,
        "indicator": value.hex(),
        "type": "HASH_PDQ" if kind == "pdq" else "HASH_VIDEO_MD5" if change.is_film else "HASH_MD5",
        "last_updated": stamp,
        "should_delete": withdrawn,
    }
    return record if withdrawn else {**record, "descriptors": {"data": [owned]}}
