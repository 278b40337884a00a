"""Compaction of one topic until the broker no longer holds an erased entry."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from streams.desk.erasure.entries import TopicEntries
from streams.kafka.compaction import Compaction, Retained
from streams.kafka.producer import TopicWriter
from streams.settings import Settings

_NEXT_SEGMENT_S = 15.0
"""Time between two attempts: as long as the broker's cleaner pauses by default."""


class CompactedTopicWait:
    """Entries of one topic that the broker still holds."""

    def __init__(self, compaction: Compaction, retained: Retained, values: list[tuple[int, int]]) -> None:
        self.compaction = compaction
        self._retained = retained
        self._left = list(values)
        self._next_s = 0.0

    def is_done(self) -> bool:
        """Return whether all are gone, or the broker refuses; otherwise make it compact them."""
        while self._left and not self._retained.has(*self._left[-1]):
            self._left.pop()
        if not self._left:
            return True
        self.compaction.begin()  # again, because another erasure may have ended and restored the settings
        if not self.compaction.refusal and time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _NEXT_SEGMENT_S
            self.compaction.next_segment()
        return bool(self.compaction.refusal)


@contextmanager
def compacting(settings: Settings, writer: TopicWriter, topic: TopicEntries) -> Iterator[CompactedTopicWait]:
    """Yield the entries of a topic while it is compacted at once; at the end its settings are restored."""
    compaction = Compaction(settings, writer, topic.topic, topic.first_key)
    with closing(Retained(settings, topic.topic)) as retained:
        try:
            yield CompactedTopicWait(compaction, retained, topic.values)
        finally:
            compaction.restore()
