"""A Mastodon server's stream: posts, edits and deletions; posts missed between two connections are requested by page.

A deletion names a post by the server's own id, so the cursor stores the ids of the last posts, and the urls that
removals need. No server repeats deletions and edits that it sent while the feed was disconnected.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog

from streams.feeds.batch import Batch, FeedRecord
from streams.feeds.connection import report_connected
from streams.feeds.cursor import Progress
from streams.feeds.dead_letters import entry_dead_letter, gap_dead_letter, unread_dead_letters
from streams.feeds.entry_error import EntryError
from streams.feeds.fields import Fields
from streams.feeds.guard import Refusal, guarded
from streams.feeds.json_text import read_json
from streams.feeds.mastodon.recent_posts import RecentPost, RecentPosts, age_key
from streams.feeds.mastodon.server import Server
from streams.feeds.mastodon.wire import MALFORMED, Status, StreamEvent, parse_status, to_post, to_removal
from streams.feeds.notes import Notes
from streams.telemetry import metrics

log = structlog.get_logger()

FEED = "mastodon"

_REWIND_S = 30
"""Posts of other servers arrive late, under ids of their publication time."""
_MAX_PAGES = 500
_SNOWFLAKE_BITS = 16
"""Bits of an id below the milliseconds since the epoch."""


class MastodonFeed:
    """One stream, over successive connections.

    Parameters
    ----------
    server
        The server and its stream.
    progress
        Its position is the newest id; its parts are the recent posts.
    """

    def __init__(self, server: Server, progress: Progress) -> None:
        self._server = server
        self._newest_id = progress.position
        self._recent = RecentPosts(progress.parts)

    async def session(self) -> AsyncGenerator[Batch]:
        """Yield a batch for each event of one connection.

        Raises
        ------
        ConnectionLostError
            The connection is lost.
        UsageError
            The server refuses for good.
        """
        # Connect before the backfill: the stream buffers posts that are published while pages are read.
        async with self._server.connect() as events:
            report_connected(FEED)
            if self._newest_id is not None:
                async with aclosing(self._backfill(_rewound(self._newest_id))) as batches:
                    async for batch in batches:
                        yield batch
            async for event in events:
                yield self._batch(event)

    async def _backfill(self, since_id: str) -> AsyncGenerator[Batch]:
        for _ in range(_MAX_PAGES):
            page = await self._server.page(since_id)
            for status in reversed(page):  # a page has the newest first
                yield self._batch(StreamEvent("update", status))
            newest = max([since_id, *map(_id_of, page)], key=age_key)
            if newest == since_id:
                return
            since_id = newest
        yield self._gap(since_id)

    def _batch(self, event: StreamEvent) -> Batch:
        return guarded(FEED, lambda: self._read(event), lambda refusal: self._malformed(event, refusal))

    def _read(self, event: StreamEvent) -> Batch:
        match event.event:
            case "update" | "status.update":
                return self._publication(parse_status(event.payload), event.payload)
            case "delete":
                return self._deletion(_id(event.payload))
            case name if name == MALFORMED:
                raise EntryError("not an event")
            case _:
                return Batch(ignored=1)

    def _publication(self, status: Status, payload: str) -> Batch:
        parts: dict[str, str | None] = {}
        original = status.reblog or status
        # Read all before the state changes: what cannot be read leaves no trace in it.
        fresh = [(original, self._records(original, payload))] if self._is_new(original) else []
        fresh += guarded(FEED, lambda: self._quoted(original, payload), lambda _: [])
        if status.reblog is not None:
            parts |= self._recent.add(status.id, RecentPost(url=None))
        self._newest_id = max(self._newest_id or "", status.id, key=age_key)
        if status.created_at is not None:
            metrics.FEED_LAG_SECONDS.labels(FEED).set(max(0.0, time.time() - status.created_at.timestamp()))
        for one, _ in fresh:
            parts |= self._recent.add_version(one.id, one.address, one.version)
        return Batch([record for _, records in fresh for record in records], self._newest_id, parts, int(not fresh))

    def _quoted(self, status: Status, payload: str) -> list[tuple[Status, list[FeedRecord]]]:
        """Return the post that a status quotes and its records, if it is new: it may come with no event of its own."""
        quote = status.quote
        return [(quote, self._records(quote, payload))] if quote is not None and self._is_new(quote) else []

    def _is_new(self, status: Status) -> bool:
        recent = self._recent.get(status.id)
        return recent is None or not (recent.gone or status.version in recent.versions)

    def _records(self, status: Status, payload: str) -> list[FeedRecord]:
        """Return the post of a status, and the dead letters beside it."""
        post = to_post(status, self._server.url)
        raw = payload.encode(errors="backslashreplace")
        return [post, *unread_dead_letters(status.fields.notes, post.post_id, raw, feed=FEED)]

    def _deletion(self, status_id: str) -> Batch:
        recent = self._recent.get(status_id)
        if recent is not None and (recent.gone or recent.url is None):
            return Batch(ignored=1)
        # Of a post that is not among the recent ones, only its address on this server is available.
        url = recent.url if recent is not None and recent.url else f"{self._server.url}/web/statuses/{status_id}"
        removal = to_removal(self._server.url, status_id, url)
        return Batch([removal], parts=self._recent.add(status_id, RecentPost(url, gone=True)))

    def _malformed(self, event: StreamEvent, refusal: Refusal) -> Batch:
        raw = event.payload.encode(errors="backslashreplace")
        letter = entry_dead_letter(raw, feed=FEED, source=self._server.url, line=0, refusal=refusal)
        name = f"refused {letter.dead_letter_id}"  # a page may contain it again
        if self._recent.get(name) is not None:
            return Batch(ignored=1)
        return Batch([letter], parts=self._recent.add(name, RecentPost(url=None)))

    def _gap(self, since_id: str) -> Batch:
        log.error("posts are missing", feed=FEED, server=self._server.url, since=since_id)
        detail = (
            f"{self._server.url}: posts after {since_id} are missing, too many for the backfill after a reconnection"
        )
        return Batch([gap_dead_letter(self._server.url, since_id, feed=FEED, detail=detail)])


def _rewound(status_id: str) -> str:
    if not status_id.isdecimal():
        return status_id  # of a server with ids of another form
    return str(max(0, int(status_id) - ((_REWIND_S * 1000) << _SNOWFLAKE_BITS)))


def _id(payload: str) -> str:
    """Return the id of a deleted status; some servers write it as JSON."""
    text = payload.strip().strip('"')
    return Fields({"id": text}, Notes()).id("id")


def _id_of(status: str) -> str:
    """Return the id of a status that may be malformed, empty if it has none."""
    try:
        notes = Notes()
        return Fields(read_json(status, notes), notes).id("id")
    except EntryError:
        return ""
