"""Media of an address, and the readers that find them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from schemas.messages import DeadLetter, Medium, Post
from streams.errors import RecordError, UnprocessableError

MAX_MEDIA = 20
"""Videos and sounds of one page that are checked; a list of thousands is somebody's whole channel."""
NOTHING = "page_without_media"
"""Reason of a page without videos, sounds and pictures."""


class Resolved(NamedTuple):
    """Media of one address."""

    address: str
    """Of the page after redirects; of a medium as it was given, because those of media stores change."""
    media: Sequence[Medium]
    words: str = ""
    n_named: int = 0
    """Media that the page names, also those beyond `MAX_MEDIA`."""
    post: Post | None = None
    """The page's post, where its platform gave it whole, as a feed does; its media are those above."""
    letters: Sequence[DeadLetter] = ()
    """Dead letters beside it."""
    missing: RecordError | None = None
    """Why it may have media that are not among these."""


class PageReader(Protocol):
    """Further reader of pages, such as those of a platform's interface."""

    async def read(self, address: str) -> Resolved | None:
        """Return the media of a page, None if it has nothing for this address; raises as `Resolver.resolve`."""


class LastReader(Protocol):
    """Reader that is asked after the page, where that names no video and no sound."""

    async def read(self, address: str) -> Resolved:
        """Return the media of a page.

        Raises
        ------
        UnprocessableError
            page_without_media: there are none; any other reason: there may be some.
        TransientError
            Likewise.
        """


class NoLastReader:
    """Finds nothing: yt-dlp is not installed."""

    async def read(self, _: str) -> Resolved:
        """Raise page_without_media."""
        raise UnprocessableError(NOTHING, "`pip install yt-dlp` would try more")
