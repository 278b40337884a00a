"""A Mastodon server's stream: posts, edits, deletions; what was missed between two connections is asked for by page.

A deletion names a post by the server's own id, so the ids of the last posts are kept with the cursor, and the urls that
removals need. What was deleted or edited while nobody listened is not told again by any server.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

import msgspec
import structlog

from schemas.ids import record_id
from schemas.messages import DeadLetter, Removal
from streams.feeds.connection import connected, reconnecting
from streams.feeds.cursor import Progress
from streams.feeds.entry import refuse
from streams.feeds.mastodon.recent_posts import Entry, Known, order
from streams.feeds.mastodon.server import Server
from streams.feeds.mastodon.wire import BROKEN, Status, Told, to_post, to_removal
from streams.feeds.runner import Batch
from streams.telemetry import metrics

log = structlog.get_logger()

FEED = "mastodon"

_REWIND_S = 30
"""Posts of other servers arrive late, under ids of the time when they were written."""
_MOST_PAGES = 500
_SNOWFLAKE_BITS = 16
"""An id is milliseconds since the epoch and, below them, a number."""


class Mastodon:
    """One stream, over as many connections as it takes.

    Parameters
    ----------
    server
        Who is asked.
    progress
        Its position is the newest id; its parts are the posts seen last.
    """

    def __init__(self, server: Server, progress: Progress) -> None:
        self._server = server
        self._newest = progress.position
        self._known = Known(progress.parts)

    def batches(self) -> AsyncGenerator[Batch]:
        """Return what yields a batch for every event.

        Raises
        ------
        UsageError
            The server refuses for good.
        """
        return reconnecting(FEED, self._session)

    async def _session(self) -> AsyncGenerator[Batch]:
        # The stream first: what is published while pages are read waits in it.
        async with self._server.connected() as events:
            connected(FEED)
            if self._newest is not None:
                async with aclosing(self._missed(_rewound(self._newest))) as batches:
                    async for batch in batches:
                        yield batch
            async for told in events:
                yield self._read(told)

    async def _missed(self, since: str) -> AsyncGenerator[Batch]:
        """Yield what was published after an id."""
        for _ in range(_MOST_PAGES):
            page = await self._server.page(since)
            for status in reversed(page):  # newest first, as people read
                yield self._read(Told("update", status))
            newest = max([since, *map(_id_of, page)], key=order)
            if newest == since:
                return
            since = newest
        yield self._gap(since)

    def _read(self, told: Told) -> Batch:
        try:
            match told.event:
                case "update" | "status.update":
                    return self._published(msgspec.json.decode(told.payload, type=Status))
                case "delete":
                    return self._deleted(told.payload)
                case event if event == BROKEN:
                    return self._refused(told, "no event")
                case _:
                    return Batch(ignored=1)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            return self._refused(told, str(error))

    def _published(self, status: Status) -> Batch:
        parts: dict[str, str | None] = {}
        if status.reblog is not None:
            parts |= self._known.note(status.id, Entry(url=None))
        self._newest = max(self._newest or "", status.id, key=order)
        original = status.reblog or status
        known = self._known.get(original.id)
        version = original.edited_at or ""
        if known is not None and (known.gone or version in known.versions):
            return Batch(position=self._newest, parts=parts, ignored=1)
        post = to_post(original)
        metrics.FEED_LAG_SECONDS.labels(FEED).set(max(0.0, time.time() - status.created_at.timestamp()))
        versions = [*(known.versions if known is not None else ()), version]
        parts |= self._known.note(original.id, Entry(original.address, versions))
        return Batch([post], self._newest, parts)

    def _deleted(self, status_id: str) -> Batch:
        known = self._known.get(status_id)
        if known is not None and (known.gone or known.url is None):
            return Batch(ignored=1)
        # Of a post too old to be known no more can be said than where this server had it.
        url = known.url if known is not None and known.url else f"{self._server.url}/web/statuses/{status_id}"
        removal: Removal = to_removal(self._server.url, status_id, url)
        return Batch([removal], parts=self._known.note(status_id, Entry(url, gone=True)))

    def _refused(self, told: Told, detail: str) -> Batch:
        raw = told.payload.encode(errors="backslashreplace")
        letter = refuse(raw, feed=FEED, source=self._server.url, line=0, detail=detail)
        name = f"refused {letter.dead_letter_id}"  # a page may show it again
        if self._known.get(name) is not None:
            return Batch(ignored=1)
        return Batch([letter], parts=self._known.note(name, Entry(url=None)))

    def _gap(self, since: str) -> Batch:
        """Return a dead letter that says what is left out: people must know that they have not seen all."""
        log.error("posts are missing", feed=FEED, server=self._server.url, since=since)
        letter = DeadLetter(
            dead_letter_id=record_id("feed-gap", FEED, self._server.url, since),
            stage=f"feed-{FEED}",
            topic=f"feed-{FEED}",
            partition=0,
            offset=0,
            reason="feed_gap",
            fate="unprocessable",
            detail=f"{self._server.url}: posts after {since} are left out, there were too many while nobody listened",
            at=datetime.now(UTC),
        )
        return Batch([letter])


def _rewound(status_id: str) -> str:
    if not status_id.isdecimal():
        return status_id  # of a server that counts otherwise
    return str(max(0, int(status_id) - ((_REWIND_S * 1000) << _SNOWFLAKE_BITS)))


def _id_of(status: str) -> str:
    """Return the id in a status that may be broken, empty if it has none."""
    try:
        return msgspec.json.decode(status, type=_Id).id
    except (msgspec.MsgspecError, RecursionError):
        return ""


class _Id(msgspec.Struct, frozen=True):
    id: str
