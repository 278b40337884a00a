"""Verification of single events as they are applied: hash and signature; their order is the index's."""

from schemas.messages import Takedown
from streams.audit.trusted_keys import TrustedKeys
from streams.errors import UsageError
from streams.takedown.hashed import is_hashed
from streams.takedown.signed import signature_fault


class Verifier:
    """Hash and signature of events, in the order of their topic.

    Parameters
    ----------
    keys
        Trusted keys.
    allow_unsigned
        Whether an unsigned event may follow a signed one; earlier versions did not sign.
    """

    def __init__(self, keys: TrustedKeys, *, allow_unsigned: bool = False) -> None:
        self.keys = keys
        self._allow_unsigned = allow_unsigned
        self._signed: set[int] = set()  # partitions with a signed event

    def require(self, key_id: str) -> None:
        """Return if a key is trusted.

        Raises
        ------
        UsageError
            It is not: nobody would act on what it signs.
        """
        if key_id not in self.keys:
            raise UsageError(f"this process's key {key_id} is not among JIKIMI_AUDIT_TRUSTED_KEYS: `jikimi audit keys`")

    def fault(self, event: Takedown, partition: int) -> str | None:
        """Return what is wrong with an event itself, None if nothing is."""
        if not is_hashed(event):
            return "changed: it has not the hash of its content"
        fault = signature_fault(event, self.keys)
        if fault is None:
            self._signed.add(partition)
        elif fault == "unsigned" and (self._allow_unsigned or partition not in self._signed):
            return None
        return fault
