"""Signatures of a takedown's events: over their number, key id and hash, which covers all else and the event before."""

import msgspec

from schemas.messages import Takedown
from streams.audit.signing import Signer
from streams.audit.trusted_keys import Fault, TrustedKeys

DOMAIN = "jikimi-takedown-event-v1"


def signed(event: Takedown, signer: Signer) -> Takedown:
    """Return a chained event with the signer's key id and signature."""
    marked = msgspec.structs.replace(event, key_id=signer.key_id)
    return msgspec.structs.replace(marked, signature=signer.sign(DOMAIN, _body(marked)))


def signature_fault(event: Takedown, keys: TrustedKeys) -> Fault | None:
    """Return what is wrong with an event's signature, None if it is right."""
    return keys.fault(event.key_id, event.signature, DOMAIN, _body(event))


def _body(event: Takedown) -> bytes:
    return f"{event.sequence}\0{event.key_id}\0".encode() + event.hash
