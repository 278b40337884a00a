"""Records of lists in JSON: a page as an API returns it, or pages or records one a line."""

from collections.abc import Iterator

import msgspec

from streams.exchange.formats.changes import ListError

_BROKEN = (ValueError, RecursionError)
"""Errors of msgspec, and of UTF-8."""

type Record = tuple[int, bytes]
"""Line on which a record begins, and its JSON."""


def json_records(content: bytes, member: str) -> Iterator[Record]:
    """Yield the records of all pages.

    Parameters
    ----------
    member
        Name of the array of records in a page.

    Raises
    ------
    ListError
        A line is no JSON, or no object.
    """
    first, _, rest = content.partition(b"\n")
    if rest.strip() and _is_json(first):
        for line, row in enumerate(content.split(b"\n"), 1):
            if row.strip():
                yield from ((line, record) for record in _records(row, member, line))
        return
    line, at = 1, 0
    for record in _records(content, member, 1):
        start = content.index(record, at)
        line, at = line + content.count(b"\n", at, start), start
        yield line, record


def decoded[T](record: Record, kind: type[T]) -> T:
    """Return a record as its type; raises a `ListError`."""
    line, content = record
    try:
        return msgspec.json.decode(content, type=kind)
    except _BROKEN as error:
        raise ListError(line, str(error)) from error


def _records(content: bytes, member: str, line: int) -> list[bytes]:
    try:
        page = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        if member not in page:
            return [content]
        return [bytes(record) for record in msgspec.json.decode(page[member], type=list[msgspec.Raw])]
    except _BROKEN as error:
        raise ListError(line + _lines_before(content, str(error)), str(error)) from error


def _lines_before(content: bytes, message: str) -> int:
    """Return the number of lines before the byte that an error names; all where the end is missing."""
    digits = message.rpartition("(byte ")[2].partition(")")[0]
    return content.count(b"\n", 0, int(digits) if digits.isdigit() else len(content))


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except _BROKEN:
        return False
    return True
