"""Archived segments as their topic has them: the archive keeps only where they are."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from schemas.codec import Codec, WireError
from schemas.messages import Descriptors
from schemas.validation import defect
from streams.kafka.range_reader import RangeReader, RangeRecord
from streams.match.archive import Hit
from streams.telemetry import trace

ONE_RECORD: dict[str, int] = {"fetch_message_max_bytes": 65_536}
"""Options of a reader of single segments, of about 40 kB each: it would fetch a megabyte for each by default. One that
is larger is read all the same."""


class PastSegment(NamedTuple):
    """Descriptors read from their topic again, and the headers that continue their trace."""

    descriptors: Descriptors
    headers: trace.Headers


class PastSegments:
    """Reader of the topic of descriptors by position; every method blocks."""

    def __init__(self, reader: RangeReader, codec: Codec) -> None:
        self._reader, self._codec = reader, codec

    def between(self, partition: int, start: int, end: int) -> Iterator[tuple[Hit, PastSegment]]:
        """Yield the retained segments of a range, without the looks that follow them."""
        for record in self._reader.read(partition, start, end):
            if (past := self._decoded(record)) is not None and not past.descriptors.look:
                yield Hit(partition, record.offset), past

    def at(self, hits: Iterable[Hit]) -> list[PastSegment]:
        """Return the segments at these positions that are still retained, in their order."""
        found = []
        for partition, some in groupby(sorted(hits), key=lambda hit: hit.partition):
            records = self._reader.records(partition, [hit.offset for hit in some])
            found += [past for record in records if (past := self._decoded(record)) is not None]
        return found

    def _decoded(self, record: RangeRecord) -> PastSegment | None:
        try:
            descriptors = self._codec.decode("descriptors", record.value or b"")
        except WireError:
            return None  # the stage's guard has written a dead letter
        assert isinstance(descriptors, Descriptors)
        return PastSegment(descriptors, record.headers) if defect(descriptors) is None else None  # likewise
