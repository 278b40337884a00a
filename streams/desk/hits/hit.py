"""Hits: what a case officer wants to know at once, made of the records of three topics."""

from collections import OrderedDict
from datetime import datetime

import msgspec

from schemas.messages import Delivery, Evidence, Message, PostRef, Takedown, Verdict, shared_fields

TOPICS_OF_HITS = ("verdicts", "takedowns", "deliveries")
_MAX_KNOWN = 10_000
"""Hits by which repeats are recognised; a repeat comes within seconds, after a crash of a worker."""


class Hit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A verdict to act or review, a new state of a takedown, or a reminder that one is overdue."""

    what: str
    """act, review, the takedown's state, reminder or escalation."""
    at: datetime
    case_id: str
    post: PostRef | None = None
    probability: float | None = None
    evidence: list[Evidence] = []
    takedown_id: str = ""
    by: str = ""
    why: str = ""
    due_at: datetime | None = None


class Hits:
    """Hits among messages, each once."""

    def __init__(self, case_id: str | None = None) -> None:
        self._case_id = case_id
        self._known: OrderedDict[tuple[str, ...], None] = OrderedDict()

    def of(self, message: Message) -> Hit | None:
        """Return the hit in a message; None if it is none, of another case, or a repeat."""
        hit = _hit(message)
        if hit is None or self._case_id not in {None, hit.case_id} or self._is_known(_identity(message)):
            return None
        return hit

    def _is_known(self, identity: tuple[str, ...]) -> bool:
        known = identity in self._known
        self._known[identity] = None
        self._known.move_to_end(identity)
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)
        return known


def _hit(message: Message) -> Hit | None:
    if isinstance(message, Verdict):
        return _of_verdict(message)
    if isinstance(message, Takedown):
        return _of_takedown(message)
    return _of_delivery(message) if isinstance(message, Delivery) else None


def _of_verdict(verdict: Verdict) -> Hit | None:
    if verdict.case_id is None or verdict.decision == "dismiss":
        return None
    return Hit(
        what=verdict.decision,
        at=verdict.decided_at,
        case_id=verdict.case_id,
        post=verdict.post,
        probability=verdict.probability,
        evidence=[msgspec.structs.replace(piece, thumbnail=None) for piece in verdict.evidence],
    )


def _of_takedown(event: Takedown) -> Hit:
    return Hit(what=event.state, **shared_fields(event, Hit, without={"evidence"}))


def _of_delivery(step: Delivery) -> Hit | None:
    if step.kind not in {"reminder", "escalation"}:
        return None
    return Hit(
        what=step.kind,
        at=step.at,
        case_id=step.case_id,
        takedown_id=step.takedown_id,
        why=step.why or step.detail,
        due_at=step.due_at,
    )


def _identity(message: Message) -> tuple[str, ...]:
    """Return what two records of one hit share; of two events after the same one, only the first is in force."""
    if isinstance(message, Verdict):
        return "verdict", message.verdict_id
    if isinstance(message, Takedown):
        return "takedown", message.takedown_id, message.previous.hex()
    assert isinstance(message, Delivery)
    return "delivery", message.delivery_id
