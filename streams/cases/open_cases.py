"""Open cases, held by every matcher, fusion and takedown worker: a table over the cases topic."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, Protocol

import structlog

from schemas.codec import Codec
from schemas.messages import Case, CaseKind, Policy
from schemas.validation import defect
from streams.cases.entries import TOPIC, case_key
from streams.kafka.compacted_topic import CompactedTopic
from streams.settings import Settings

log = structlog.get_logger()


class OpenCase(NamedTuple):
    """What every worker needs of an open case."""

    policy: Policy
    kind: CaseKind
    minor: bool
    authority: str
    opened_by: str = ""
    """Account of the person who opened it."""


class ReferenceKeeper(Protocol):
    """Keeper of the references, whose vectors are too large for this table; called on the event loop."""

    def put(self, key: str, entry: Case, offset: int) -> None:
        """Take in an entry, with or without a reference, in place of an earlier one of this key."""

    def erase(self, key: str) -> None:
        """Erase the entry of a key, if there is one."""


class OpenCases(CompactedTopic[Case]):
    """Policies and kinds of the open cases; references go to a keeper, where a matcher needs them.

    A case takes about 500 bytes, with its sealed key.

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
        self._open: dict[str, OpenCase] = {}
        self._data_keys: dict[str, bytes] = {}
        self._keeper: ReferenceKeeper | None = None

    def keep_references(self, keeper: ReferenceKeeper) -> None:
        """Hand the references to this keeper too; call it before the start."""
        self._keeper = keeper

    def count(self) -> int:
        """Return the number of open cases."""
        return len(self._open)

    def case_ids(self) -> list[str]:
        """Return the ids of the open cases."""
        return list(self._open)

    def policy(self, case_id: str) -> Policy | None:
        """Return a case's policy, None if there is no such open case."""
        opened = self.case(case_id)
        return opened.policy if opened is not None else None

    def case(self, case_id: str) -> OpenCase | None:
        """Return an open case, None if there is no such one."""
        return self._open.get(case_key(case_id))

    def data_key(self, case_id: str) -> bytes:
        """Return a case's data key as its entry has it, sealed; empty for a case without one, or no open case."""
        return self._data_keys.get(case_key(case_id), b"")

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
        if message.policy is not None:
            self._open[key] = _shared(message.policy, message.kind, message.minor, message.authority, message.opened_by)
            self._data_keys[key] = message.data_key
        else:
            self._close(key)
        if self._keeper is not None:
            self._keeper.put(key, message, offset)

    def _close(self, key: str) -> None:
        self._open.pop(key, None)
        self._data_keys.pop(key, None)

    def _erase(self, key: str) -> None:
        self._close(key)
        if self._keeper is not None:
            self._keeper.erase(key)


@lru_cache(maxsize=1024)
def _shared(policy: Policy, kind: CaseKind, minor: bool, authority: str, opened_by: str) -> OpenCase:
    """Return one object for equal cases: most have the default policy and kind."""
    return OpenCase(policy, kind, minor, authority, opened_by)
