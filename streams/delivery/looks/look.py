"""Interface of a look: whether a post is still there, without fetching more than is needed."""

from typing import Literal, NamedTuple, Protocol

from schemas.messages import PostRef

Outcome = Literal["present", "gone", "unknown"]


class Finding(NamedTuple):
    """What one look has found."""

    outcome: Outcome
    """Unknown: the platform did not answer, or in a way that proves neither."""
    method: str
    """Name of the method, such as web or bluesky."""
    address: str = ""
    """Address that was asked, without credentials."""
    status: int | None = None
    """Status code of HTTP."""
    error: str = ""
    """Error as named by the platform, such as RecordNotFound, or a reason of ours, such as link_private_address."""
    answer_hash: bytes | None = None
    """SHA-256 of the part of the answer that was read."""
    detail: str = ""
    """One line for a person; that of a present post lists the media and marks that later looks compare with."""


class Look(Protocol):
    """One method to look at the posts of a platform; made once, used concurrently."""

    async def look(self, post: PostRef, before: str = "") -> Finding:
        """Look at a post once; never raises for what the platform does or fails to do.

        Parameters
        ----------
        before
            Detail of the last look that found the post present, else of the first one: what was there then.
        """

    async def close(self) -> None:
        """Close kept connections."""
