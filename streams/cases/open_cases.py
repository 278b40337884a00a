"""Open cases, held by every matcher, fusion and takedown worker: a table over the cases topic."""

from collections.abc import Callable, Iterator

import structlog

from schemas.codec import Codec
from schemas.messages import Case, Policy, Reference
from schemas.validation import defect
from streams.cases.entries import TOPIC, case_key
from streams.kafka.compacted_topic import CompactedTopic
from streams.settings import Settings

log = structlog.get_logger()


class OpenCases(CompactedTopic[Case]):
    """Active entries of the cases topic, by key.

    Parameters
    ----------
    crash
        Stops the worker when the topic can no longer be read.
    topic
        Topic that holds the cases, without prefix: a run has its own.
    """

    def __init__(
        self, settings: Settings, codec: Codec, crash: Callable[[Exception], None], topic: str = TOPIC
    ) -> None:
        super().__init__(settings, codec, topic, crash, schema=TOPIC)
        self._entries: dict[str, Case] = {}
        self._offsets: dict[str, int] = {}

    def references(self) -> Iterator[tuple[str, Case, Reference]]:
        """Yield key, entry and piece of every active reference.

        The key is followed by the offset: a piece that was erased and written again is a new one, because it was not
        compared with the posts in between.
        """
        for key, entry in self._entries.items():
            if entry.reference is not None:
                yield f"{key}@{self._offsets[key]}", entry, entry.reference

    def count(self) -> int:
        """Return the number of open cases."""
        return sum(entry.policy is not None for entry in self._entries.values())

    def policy(self, case_id: str) -> Policy | None:
        """Return a case's policy, None if there is no such open case."""
        entry = self._entries.get(case_key(case_id))
        return entry.policy if entry is not None else None

    async def fresh_policy(self, case_id: str) -> Policy | None:
        """Return a case's policy; None only after a read barrier.

        A record may name a new case that its writer has already read and this worker has not.
        """
        if self.policy(case_id) is None:
            await self.current()
        return self.policy(case_id)

    def _put(self, key: str, message: Case, offset: int) -> None:
        if message.reference is not None and (detail := defect(message.reference)) is not None:
            log.warning("case entry refused", key=key, reason="reference_malformed", detail=detail, offset=offset)
            return
        self._entries[key] = message
        self._offsets[key] = offset

    def _erase(self, key: str) -> None:
        self._entries.pop(key, None)
        self._offsets.pop(key, None)
