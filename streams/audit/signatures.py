"""Signatures of acts and checkpoints, which are messages that carry their own."""

import msgspec

from schemas.messages import Act, Checkpoint
from streams.audit.signing import Signer
from streams.audit.trusted_keys import Fault, TrustedKeys

_DOMAINS = {Act: "jikimi-act-v1", Checkpoint: "jikimi-checkpoint-v1"}


def signed[M: (Act, Checkpoint)](message: M, signer: Signer) -> M:
    """Return a message with the signer's key id and signature."""
    unsigned = msgspec.structs.replace(message, key_id=signer.key_id, signature=b"")
    signature = signer.sign(_DOMAINS[type(message)], canonical(unsigned))
    return msgspec.structs.replace(unsigned, signature=signature)


def signature_fault(message: Act | Checkpoint, keys: TrustedKeys) -> Fault | None:
    """Return what is wrong with a message's signature, None if it is right."""
    return keys.fault(message.key_id, message.signature, _DOMAINS[type(message)], canonical(message))


def canonical(message: msgspec.Struct) -> bytes:
    """Return the JSON that is signed: the fields that differ from their defaults, sorted, without `signature`.

    A field that a later version adds is left out where it has its default, so its signature stays right.
    """
    fields = {
        field.name: value
        for field in msgspec.structs.fields(message)
        if field.name != "signature" and (value := getattr(message, field.name)) != field.default
    }
    return msgspec.json.encode(fields, order="sorted")
