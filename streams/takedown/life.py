"""Life of a takedown: its states, the steps between them, and the hash chain of its events."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import get_args

import msgspec

from schemas.ids import record_id
from schemas.messages import Evidence, LabelDecision, State, Takedown

PENDING: frozenset[State] = frozenset(
    {"issued", "approved", "sent", "acknowledged", "refused", "escalated", "reappeared"}
)
"""States in which a takedown requests a removal from the platform."""
OPEN: frozenset[State] = PENDING | {"held"}
"""States of takedowns that request a removal, or may yet."""
GONE: frozenset[State] = frozenset({"removed", "gone_before_notice"})
"""States of takedowns whose post is gone; it is looked at again for some weeks."""

_ENDS: frozenset[State] = frozenset({"removed", "withdrawn"})
_FOLLOWING: dict[State | None, frozenset[State]] = {
    None: frozenset({"issued", "held", "withdrawn"}),  # withdrawn by a person, before a verdict issued it
    "held": frozenset({"issued", "held", *_ENDS}),  # held: with a person's label, while the case waits
    "issued": frozenset({"approved", "sent", "acknowledged", "refused", "escalated", "gone_before_notice", *_ENDS}),
    "approved": frozenset({"sent", "acknowledged", "refused", "escalated", "gone_before_notice", *_ENDS}),
    "sent": frozenset({"acknowledged", "refused", "escalated", *_ENDS}),
    "acknowledged": frozenset({"refused", "escalated", *_ENDS}),
    "refused": frozenset({"acknowledged", "escalated", *_ENDS}),
    "escalated": frozenset({"acknowledged", "refused", *_ENDS}),
    "removed": frozenset({"reappeared", "withdrawn"}),
    "gone_before_notice": frozenset({"reappeared", "withdrawn"}),
    "reappeared": frozenset({"approved", "sent", "acknowledged", "refused", "escalated", *_ENDS}),
    "withdrawn": frozenset({"issued", "held", "withdrawn"}),  # by a person, after the system
}
_OF_ONE_EVENT: dict[str, object] = {"by": "", "why": "", "delivery": None, "key_id": "", "signature": b""}
UNHASHED: dict[str, object] = {"hash": b"", "sequence": 0, "key_id": "", "signature": b""}
"""Values, in what the hash of an event is over, of the fields that only its signature covers."""
_UNSIGNED_FIELDS = UNHASHED.keys() - {"hash"}
"""Left out of the JSON that is hashed, so that the hashes of events without them stay right."""
assert _FOLLOWING.keys() == {None, *get_args(State)}


class IllegalStepError(ValueError):
    """A step that the life of a takedown does not have."""


def pending(state: State) -> bool:
    """Return whether a takedown in this state requests a removal from the platform."""
    return state in PENDING


def labelled(takedown: Takedown) -> LabelDecision | None:
    """Return the last decision of a person on the post and case of a takedown, None without one."""
    return takedown.label.decision if takedown.label is not None else None


def confirmed_by(takedown: Takedown) -> str:
    """Return the pseudonym of the person who decided that the post is a copy, empty without one."""
    return takedown.label.reviewer if takedown.label is not None and labelled(takedown) == "copy" else ""


def may_follow(last: State | None, state: State) -> bool:
    """Return whether a takedown may take a state after its last one; None is before its first event."""
    return state in _FOLLOWING[last]


def step(last: Takedown, state: State, *cause: object, at: datetime | None = None, **changes: object) -> Takedown:
    """Return a takedown's next event, linked to its last one.

    Parameters
    ----------
    cause
        Identity of what caused the step; with the last event it makes the event's id, so that a repeat has the same id.
    at
        Time of the event; now by default.
    changes
        Fields that differ from the last event. `by`, `why` and `delivery` belong to one event: empty unless given.

    Raises
    ------
    IllegalStepError
        If the state may not follow.
    """
    if not may_follow(last.state, state):
        raise IllegalStepError(f"takedown {last.takedown_id}: {state} does not follow {last.state}")
    event_id = record_id("takedown-event", last.takedown_id, state, last.event_id, *cause)
    identity = {"event_id": event_id, "state": state, "at": at or datetime.now(UTC)}
    return chained(msgspec.structs.replace(last, **_OF_ONE_EVENT | identity | changes), last)


def chained(event: Takedown, previous: Takedown | None) -> Takedown:
    """Return the event linked to the previous one, by `previous`, its own `hash` and its number.

    The hash is SHA-256 over the event's canonical JSON, so a changed or missing event of a takedown is detected.
    """
    link = (previous.hash, previous.sequence + 1) if previous else (b"", 1)
    linked = msgspec.structs.replace(event, previous=link[0], sequence=link[1])
    return msgspec.structs.replace(linked, hash=sha256(canonical(linked)).digest())


def canonical(event: Takedown) -> bytes:
    """Return the JSON that the hash of an event is over: sorted keys, bytes as base64, `hash` empty.

    Number, key id and signature are left out. Each thumbnail is replaced by its SHA-256, so that the chain can be
    checked by those who get no pictures.
    """
    evidence = [_digested(evidence) for evidence in event.evidence]
    unhashed = msgspec.structs.replace(event, **UNHASHED, evidence=evidence)
    # An int in a field of floats, such as a start of 0, comes back from the wire as 0.0.
    as_read = msgspec.json.decode(msgspec.json.encode(unhashed), type=Takedown)
    fields = msgspec.to_builtins(as_read)
    return msgspec.json.encode({name: fields[name] for name in fields.keys() - _UNSIGNED_FIELDS}, order="sorted")


def _digested(evidence: Evidence) -> Evidence:
    if evidence.thumbnail is None:
        return evidence
    return msgspec.structs.replace(evidence, thumbnail=sha256(evidence.thumbnail).digest())
