"""StopNCII.org: pages of FetchHashes, hashes and feedback as SubmitHashes and SubmitFeedback take them.

As Meta's client of it has them, threatexchange 1.2.17, which tests withdrawal on the wrong field and drops VideoTMK.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from schemas.messages import SignalKind
from streams.exchange.formats.changes import Change, Signal, Skipped, checked_origin, signal_of, specific, tmk_of
from streams.exchange.formats.json_records import decoded, json_records
from streams.exchange.formats.opinions import Opinion

_KINDS: Mapping[str, SignalKind] = {"ImagePDQ": "pdq", "VideoMD5": "md5"}
_GONE = ("Withdrawn", "Deleted")
_FEEDBACK: Mapping[Opinion, str] = {"confirmed": "Blocked", "withdrawn": "NotBlocked"}


class _Record(msgspec.Struct, rename={"signal_type": "signalType", "value": "hashValue", "status": "hashStatus"}):
    signal_type: str
    value: str
    status: Literal["Unknown", "Received", "Active", "Withdrawn", "Deleted"] = "Unknown"


def read(content: bytes, skipped: Skipped) -> Iterator[tuple[int, Change]]:
    """Yield the changes of a list and their lines; raises a `ListError`."""
    for line, record in json_records(content, "hashRecords"):
        found = decoded((line, record), _Record)
        if found.signal_type == "VideoTMK" and (tmk := tmk_of(found.value, line)):
            origin = f"tmk-{hashlib.sha256(tmk).hexdigest()}"
            yield line, Change(origin, tmk=b"" if found.status in _GONE else tmk)
            continue
        kind = _KINDS.get(found.signal_type)
        if kind is None:
            skipped[found.signal_type] += 1
            continue
        signal = signal_of(kind, found.value, line)
        signals = () if found.status in _GONE else tuple(specific([signal], skipped))
        yield line, Change(checked_origin(signal.name, line), signals, is_film=kind == "md5")


def write(changes: Iterable[Change], *, at: datetime, withdrawn: bool = False, member: int = 0) -> bytes:  # noqa: ARG001 - of other formats
    """Return a page with these entries; MD5 of pictures have no place in this format."""
    stamp = int(at.timestamp())
    records = [_record(signal, stamp, withdrawn=withdrawn) for signal in _signals(changes)]
    page = {
        "count": len(records),
        "nextPageToken": None,
        "nextSetTimestamp": stamp,
        "hasMoreRecords": False,
        "hashRecords": records,
    }
    return msgspec.json.format(msgspec.json.encode(page), indent=1) + b"\n"


def feedback(opinions: Iterable[tuple[Change, Opinion]]) -> bytes:
    """Return the body of SubmitFeedback."""
    found = [
        {"tags": [], "feedbackValue": _FEEDBACK[opinion], "hashValue": signal.value.hex()}
        for change, opinion in opinions
        for signal in change.signals
    ]
    return msgspec.json.format(msgspec.json.encode({"count": len(found), "hashFeedbacks": found}), indent=1) + b"\n"


def _signals(changes: Iterable[Change]) -> Iterator[Signal]:
    for change in changes:
        yield from (signal for signal in change.signals if signal.kind == "pdq" or change.is_film)


def _record(signal: Signal, stamp: int, *, withdrawn: bool) -> dict[str, object]:
    return {
        "lastModtimestamp": stamp,
        "signalType": next(name for name, kind in _KINDS.items() if kind == signal.kind),
        "hashValue": signal.value.hex(),
        "hashStatus": "Withdrawn" if withdrawn else "Active",
        "caseNumbers": {},
        "CSPFeedbacks": [],
    }
