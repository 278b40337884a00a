"""Interface of a channel: one way to bring a notice to a platform."""

from typing import Literal, NamedTuple, Protocol

from schemas.messages import Notice


class Answer(NamedTuple):
    """What came of one attempt to send a notice."""

    outcome: Literal["delivered", "acknowledged", "refused", "failed"]
    """Delivered: taken without a receipt. Acknowledged: with a receipt of the platform. Refused: the platform will not
    act on this notice through this channel, a repeat is pointless. Failed: a repeat may succeed."""
    address: str = ""
    """Endpoint that was asked, without credentials."""
    status: int | None = None
    """Status code of HTTP or SMTP."""
    error: str = ""
    """Error as named by the platform, or a slug of ours such as `timeout`."""
    receipt: str = ""
    """Id that the platform gave the notice."""
    answer_hash: bytes | None = None
    """SHA-256 of the answer's body."""
    detail: str = ""
    """One line for a person, without secrets."""
    retry_after_s: float | None = None
    """Wait that the platform requests, seconds."""


class Channel(Protocol):
    """One way to bring notices to one platform; made once, used concurrently."""

    async def send(self, notice: Notice, key: str) -> Answer:
        """Send a notice once; never raises for what the platform does or fails to do.

        Parameters
        ----------
        key
            Idempotency key: a repeat of the same attempt has the same one.
        """

    async def close(self) -> None:
        """Close kept connections."""
