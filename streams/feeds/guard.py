"""Guard of the feeds: no event ends a feed.

What an event cannot become, a post or a removal, is a dead letter with its bytes: with the reason for a person if its
content is at fault, with the traceback if our code is.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from streams.feeds.entry_error import EntryError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Reason why an event is neither a post nor a removal."""

    detail: str
    traceback: str | None = None
    """Set if our code is at fault."""


def guarded[T](feed: str, read: Callable[[], T], refused: Callable[[Refusal], T]) -> T:
    """Return what one event is read as, or what it is refused as.

    Parameters
    ----------
    feed
        Slug of the feed.
    read
        Reads the event; raises `EntryError` for one that cannot be read.
    refused
        Makes the dead letter; must not depend on the content of the event.

    Raises
    ------
    ConnectionError
        Of a schema registry, which is no fault of the event.
    """
    try:
        return read()
    except ConnectionError:
        raise
    except EntryError as error:
        return refused(Refusal(str(error)))
    except Exception as error:
        log.exception("bug in a feed", feed=feed)
        return refused(Refusal(f"{type(error).__name__}: {error}", traceback.format_exc()))
