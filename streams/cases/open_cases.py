"""The open cases as every matcher, fusion and takedown stage sees them: the cases topic, followed whole."""

from collections.abc import Callable, Iterator

import structlog

from schemas.codec import Codec, WireError
from schemas.messages import Case, Policy, Reference
from streams.describe.descriptors import fault
from streams.kafka.topic_reader import Follower, Update
from streams.settings import Settings

log = structlog.get_logger()

type Listener = Callable[[], None]
"""Told that cases changed; runs on the event loop."""


def case_key(case_id: str) -> str:
    """Return the key of a case's policy entry."""
    return case_id


def reference_key(case_id: str, reference: Reference) -> str:
    """Return the key of one piece of a reference as one model described it."""
    piece = f"{reference.reference_id}/{reference.modality}/{reference.segment}"
    return f"{case_id}/{piece}/{reference.model}@{reference.version}"


class Cases:
    """Every active entry of the cases topic, by key.

    Parameters
    ----------
    crash
        Ends the worker when the topic can no longer be followed.
    topic
        Another one that holds cases, without prefix.
    """

    def __init__(
        self, settings: Settings, codec: Codec, crash: Callable[[Exception], None], topic: str = "cases"
    ) -> None:
        self._codec = codec
        self._entries: dict[str, Case] = {}
        self._offsets: dict[str, int] = {}
        self._listeners: list[Listener] = []
        self._follower = Follower(settings, settings.topic_prefix + topic, self._apply, crash)

    def listen(self, listener: Listener) -> None:
        """Call the listener after every change, from before the first."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Follow the topic, once however often it is called, and return when it has been read whole."""
        await self._follower.start()
        await self._follower.ready()

    async def stop(self) -> None:
        """Stop following."""
        await self._follower.stop()

    async def current(self) -> None:
        """Return once everything written to the topic before this call is seen here."""
        await self.start()
        await self._follower.current()

    def references(self) -> Iterator[tuple[str, Case, Reference]]:
        """Yield key, entry and piece of every active reference.

        The key is followed by where it was written: a piece that went and came back is a new one, for it has not been
        compared with what passed meanwhile.
        """
        for key, entry in self._entries.items():
            if entry.reference is not None:
                yield f"{key}@{self._offsets[key]}", entry, entry.reference

    def count(self) -> int:
        """Return how many cases are open."""
        return sum(entry.policy is not None for entry in self._entries.values())

    def policy(self, case_id: str) -> Policy | None:
        """Return a case's policy, None if there is no such open case."""
        entry = self._entries.get(case_key(case_id))
        return entry.policy if entry is not None else None

    async def fresh_policy(self, case_id: str) -> Policy | None:
        """Return a case's policy; before saying that there is no such case, read what was written meanwhile.

        A record may name a case that its writer has seen opened and this worker has not.
        """
        if self.policy(case_id) is None:
            await self.current()
        return self.policy(case_id)

    def _apply(self, updates: list[Update]) -> None:
        for update in updates:
            self._apply_one(update)
        for listener in self._listeners:
            listener()

    def _apply_one(self, update: Update) -> None:
        """Apply one entry or tombstone; one that cannot be read changes nothing."""
        key = update.key.decode(errors="replace")
        if update.value is None:
            self._entries.pop(key, None)
            return
        try:
            entry = self._codec.decode("cases", update.value)
        except WireError as error:
            # The desk checks what it writes; a foreign writer's mistake must not blind every matcher.
            log.warning("case entry refused", key=key, reason=error.reason, offset=update.offset)
            return
        assert isinstance(entry, Case)
        if entry.reference is not None and (detail := fault(entry.reference)) is not None:
            log.warning(
                "case entry refused", key=key, reason="reference_malformed", detail=detail, offset=update.offset
            )
            return
        self._entries[key] = entry
        self._offsets[key] = update.offset
