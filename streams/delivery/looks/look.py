"""Interface of a look: whether a post is still there, without fetching more than is needed."""

from typing import Literal, NamedTuple, Protocol

from schemas.messages import PostRef


class Finding(NamedTuple):
    """What one look has found."""

    outcome: Literal["present", "gone", "unknown"]
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
    """One line for a person."""


class Look(Protocol):
    """One method to look at the posts of a platform; made once, used concurrently."""

    async def look(self, post: PostRef) -> Finding:
        """Look at a post once; never raises for what the platform does or fails to do."""

    async def close(self) -> None:
        """Close kept connections."""
