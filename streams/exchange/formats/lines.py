"""Plain text, a signal a line: `pdq HEX` or `video_md5 HEX`, as the local files of threatexchange and of HMA."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from schemas.messages import SignalKind
from streams.exchange.formats.changes import Change, ListError, Skipped, checked_origin, signal_of, specific
from streams.exchange.formats.opinions import Opinion

NAMES: Mapping[str, SignalKind] = {"pdq": "pdq", "video_md5": "md5", "md5": "md5"}
_OTHERS = {"raw_text", "trend_query", "url", "photodna", "vpdq", "tmk_pdqf", "pdf_tlsh", "text_tlsh"}
_LONGEST = 1_024


def read(content: bytes, skipped: Skipped) -> Iterator[tuple[int, Change]]:
    """Yield the signals of a file and their lines; the format has no withdrawals. Raises a `ListError`."""
    for line, row in enumerate(content.split(b"\n"), 1):
        if not row.strip():
            continue
        name, _, value = row[:_LONGEST].decode(errors="replace").strip().partition(" ")
        if name in _OTHERS:
            skipped[name] += 1
            continue
        if name not in NAMES:
            raise ListError(line, f"{name[:40]!r} is not a kind of signal; these are {', '.join(NAMES)}")
        signal = signal_of(NAMES[name], value, line)
        yield (
            line,
            Change(checked_origin(signal.name, line), tuple(specific([signal], skipped)), is_film=name == "video_md5"),
        )


def write(changes: Iterable[Change], *, at: datetime, withdrawn: bool = False, member: int = 0) -> bytes:  # noqa: ARG001 - of other formats
    """Return the signals, one a line."""
    rows = (_row(change, kind, value) for change in changes for kind, value in change.signals)
    return "".join(rows).encode()


def feedback(opinions: Iterable[tuple[Change, Opinion]]) -> bytes:
    """Return the signals with what was found about each."""
    rows = (f"{opinion} {_row(change, *signal)}" for change, opinion in opinions for signal in change.signals)
    return "".join(rows).encode()


def _row(change: Change, kind: SignalKind, value: bytes) -> str:
    name = "pdq" if kind == "pdq" else "video_md5" if change.is_film else "md5"
    return f"{name} {value.hex()}\n"
