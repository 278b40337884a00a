"""Acts by which persons accept what is there of a frozen takedown, followed on their topic."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import structlog

from schemas.messages import Act
from streams.audit.acts import TOPIC
from streams.audit.signatures import signature_fault
from streams.audit.trusted_keys import TrustedKeys
from streams.kafka.compacted_topic import decode_or_refuse
from streams.kafka.topic_reader import TopicReader, Update

if TYPE_CHECKING:
    from streams.engine.context import Context

log = structlog.get_logger()

ACT = "accept"


class Acceptance(NamedTuple):
    """What is accepted: the events of a takedown in a partition, before an offset, that do not verify."""

    takedown_id: str
    partition: int
    until: int

    def detail(self) -> str:
        """Return the text of an act."""
        return f"{self.takedown_id} {self.partition} {self.until}"


def acceptance(act: Act) -> Acceptance | None:
    """Return what an act accepts, None if it is another kind of act."""
    match act.act, act.detail.split(" "):
        case "accept", [takedown_id, partition, until] if partition.isdecimal() and until.isdecimal():
            return Acceptance(takedown_id, int(partition), int(until))
        case _:
            return None


def accepted_by_person(act: Act, keys: TrustedKeys) -> Acceptance | None:
    """Return what a person's act accepts, None if it accepts nothing, has no person or reason, or does not verify."""
    if (accepted := acceptance(act)) is None:
        return None
    if fault := signature_fault(act, keys):
        log.error("act refused", act=act.act_id, subject=act.subject, reason=fault)
        return None
    return accepted if act.by and act.why else None


class Acceptances:
    """Reader of the acts topic.

    Parameters
    ----------
    apply
        Called on the event loop with everything that is accepted by a person, under a trusted key.
    """

    def __init__(self, context: "Context", keys: TrustedKeys, apply: Callable[[Acceptance], None]) -> None:
        self._codec = context.codec
        self._keys = keys
        self._apply = apply
        self._reader = TopicReader(context.settings, TOPIC, self._apply_updates, context.crash)

    async def start(self) -> None:
        """Start to follow the topic, on the first call only, and return once it has been read to its end."""
        await self._reader.start()
        await self._reader.ready()

    async def stop(self) -> None:
        """Stop reading."""
        await self._reader.stop()

    def apply(self, act: Act) -> None:
        """Apply one act."""
        if (accepted := accepted_by_person(act, self._keys)) is not None:
            self._apply(accepted)

    def _apply_updates(self, updates: list[Update]) -> None:
        for update in updates:
            if ACT.encode() in (update.value or b""):  # others are not even decoded
                act = decode_or_refuse(self._codec, TOPIC, update)
                if isinstance(act, Act):
                    self.apply(act)
