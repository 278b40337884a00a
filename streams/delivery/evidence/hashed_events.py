"""Bytes that the chain hashes of events are over, also of events that earlier versions wrote."""

from typing import Literal, NamedTuple

from schemas.messages import Takedown
from streams.delivery.evidence.withhold import without_victim
from streams.takedown.hashed import by_earlier_schemas, by_today
from streams.takedown.life import canonical

Check = Literal["recomputable", "checked", "unchecked"]
"""Recomputable: the stored JSON has the event's hash. Checked: it had it when the pack was made, with parts that the
pack withholds. Unchecked: no version known here computes this hash."""


class StoredEvent(NamedTuple):
    """An event as a pack stores it."""

    json: bytes
    """JSON on one line; if recomputable, its SHA-256 is the hash."""
    hash: bytes
    check: Check
    key_id: str = ""
    """Id of the key that signed the event, empty where none did."""
    signature: bytes = b""
    sequence: int = 0


def stored(event: Takedown, *, thumbnails: bool) -> StoredEvent:
    """Return an event as a pack stores it.

    Parameters
    ----------
    thumbnails
        Whether the pack may contain thumbnails: earlier versions hashed them within the event.
    """
    shown = without_victim(event)
    if (hashed := by_today(event)) is not None:
        check: Check = "recomputable" if shown == event else "checked"
    elif (hashed := by_earlier_schemas(event)) is not None:
        has_thumbnails = any(evidence.thumbnail is not None for evidence in event.evidence)
        check = "recomputable" if shown == event and (thumbnails or not has_thumbnails) else "checked"
    else:
        check = "unchecked"
    if check == "recomputable" and hashed is not None:
        return StoredEvent(hashed, event.hash, check, event.key_id, event.signature, event.sequence)
    return StoredEvent(canonical(shown), event.hash, check, event.key_id, event.signature, event.sequence)
