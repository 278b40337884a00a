"""Formats of hash lists."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from streams.exchange.formats import lines, ncmec, stopncii, threatexchange
from streams.exchange.formats.changes import Change, Skipped
from streams.exchange.formats.opinions import Opinion

type Format = Literal["stopncii", "ncmec", "threatexchange", "lines"]


class Writer(Protocol):
    """Writer of a list."""

    def __call__(self, changes: Iterable[Change], *, at: datetime, withdrawn: bool = False, member: int = 0) -> bytes:
        """Return a file with entries, or with their withdrawal; `member` is our id at the exchange."""


class ListFormat(NamedTuple):
    """Reader and writers of a format."""

    read: Callable[[bytes, Skipped], Iterator[tuple[int, Change]]]
    write: Writer
    feedback: Callable[[Iterable[tuple[Change, Opinion]]], bytes]
    withdraws: bool = True
    """Whether it has a form of withdrawal."""


FORMATS: Mapping[Format, ListFormat] = {
    "stopncii": ListFormat(stopncii.read, stopncii.write, stopncii.feedback),
    "ncmec": ListFormat(ncmec.read, ncmec.write, ncmec.feedback),
    "threatexchange": ListFormat(threatexchange.read, threatexchange.write, threatexchange.feedback),
    "lines": ListFormat(lines.read, lines.write, lines.feedback, withdraws=False),
}
