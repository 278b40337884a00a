"""Platform that offers a search: one query, its records, and where the next query continues."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from streams.feeds.batch import FeedRecord

type Refusal = Literal["limited", "forbidden", "unavailable", "nonsense"]
type Reason = Literal["limited", "forbidden", "unavailable", "nonsense", "budget"]
"""Why a platform waits: its refusal, or the day's budget."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far the results of one word are read, in the platform's own terms."""

    since: str = ""
    """Newest result of the pages before."""
    page: str = ""
    """Where older results continue; empty once all are read."""
    newest: str = ""
    """Newest result of the pages that are being read."""
    seen: list[str] = []
    """Last results, because a platform may return them again."""


class Results(NamedTuple):
    """Results of one query."""

    records: Sequence[FeedRecord]
    place: Place
    has_more: bool = False
    """Whether the next query may follow at once."""


class RefusedError(Exception):
    """The platform answers no query for now; the place stays as it is.

    Parameters
    ----------
    reason
        Slug of the refusal.
    detail
        One line for a person.
    wait_s
        Time that it asks to wait; None if it asks for none.
    """

    def __init__(self, reason: Refusal, detail: str, wait_s: float | None = None) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.wait_s = reason, detail, wait_s


class SearchPlatform(Protocol):
    """Search of one platform; a further platform is one more of these."""

    name: str
    """Slug, such as bluesky; part of the key of its cursors."""

    def takes(self, word: str) -> bool:
        """Return whether the platform can be asked for a word."""

    async def search(self, word: str, place: Place) -> Results:
        """Return the next results of a word after a place.

        Raises
        ------
        RefusedError
            There are none for now.
        """
