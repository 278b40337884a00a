"""Where the outputs of a stage lie, by the key of their input: the newest part of the topic `reuse`, in memory."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from schemas.codec import Codec
from schemas.messages import Reusable
from streams.kafka.compacted_topic import CompactedTopic
from streams.kafka.topic_reader import Update
from streams.settings import Settings

TOPIC = "reuse"
_MAX_RECORDS = 100_000
"""Records that the table leads to, at most 0.6 kB each; beyond them the oldest entries are forgotten."""


class ReuseTable(CompactedTopic[Reusable]):
    """Entries of one stage; it may be behind the topic, which costs work and nothing else.

    Parameters
    ----------
    stage
        Stage whose entries are kept.
    """

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        stage: str,
        crash: Callable[[Exception], None],
        max_records: int = _MAX_RECORDS,
    ) -> None:
        super().__init__(settings, codec, TOPIC, crash)
        self._prefix = f"{stage}/".encode()
        self._max_age = timedelta(hours=settings.reuse_hours)
        self._max_records = max_records
        self._n_records = 0
        self._entries: OrderedDict[str, Reusable] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of inputs."""
        return len(self._entries)

    def apply(self, updates: Iterable[Update]) -> None:
        """Apply those records that are this stage's."""
        super().apply(update for update in updates if update.key.startswith(self._prefix))

    def get(self, key: str) -> Reusable | None:
        """Return where the outputs for an input lie, None if that is unknown or too long ago."""
        found = self._entries.get(key)
        return found if found is not None and self._is_recent(found) else None

    def put(self, key: str, entry: Reusable) -> None:
        """Set an entry, before it has come back from the topic."""
        self._erase(key)
        if not self._is_recent(entry):
            return
        self._entries[key] = entry
        self._n_records += len(entry.records)
        while self._n_records > self._max_records:
            self._erase(next(iter(self._entries)))

    def _put(self, key: str, message: Reusable, offset: int) -> None:  # noqa: ARG002 - of the base class
        self.put(key, message)

    def _erase(self, key: str) -> None:
        if (entry := self._entries.pop(key, None)) is not None:
            self._n_records -= len(entry.records)

    def _is_recent(self, entry: Reusable) -> bool:
        return datetime.now(UTC) - entry.at <= self._max_age
