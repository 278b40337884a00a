"""Records at many positions are read together where they are near, and each once."""

from collections.abc import Iterator

from streams.kafka.range_reader import RangeReader, RangeRecord


class Ranges(RangeReader):
    """A partition that no longer has its first three records."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def read(self, partition: int, start: int, end: int) -> Iterator[RangeRecord]:
        assert partition == 1
        self.ranges.append((start, end))
        return (RangeRecord(offset, b"", {}) for offset in range(max(3, start), end))


def test_near_records_are_read_together_and_those_between_left_out() -> None:
    reader = Ranges()
    assert [record.offset for record in reader.records(1, [40, 2, 5, 9, 41, 5])] == [5, 9, 40, 41]
    assert reader.ranges == [(2, 10), (40, 42)]


def test_no_record_is_read_for_none() -> None:
    reader = Ranges()
    assert list(reader.records(1, [])) == []
    assert reader.ranges == []
