"""Search of Bluesky: app.bsky.feed.searchPosts, the latest first, read back to the newest result of before."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec

from schemas.messages import Post
from streams.desk.search.bluesky_server import BlueskyServer
from streams.desk.search.platform import Place, RefusedError, Results
from streams.desk.search.settings import SearchSettings
from streams.feeds.batch import FeedRecord
from streams.feeds.bluesky.embeds import ENTRYWAY
from streams.feeds.bluesky.posts import to_record
from streams.feeds.bluesky.wire import POSTS, Event
from streams.feeds.dead_letters import entry_dead_letter, unread_dead_letters
from streams.feeds.entry_error import EntryError
from streams.feeds.guard import Refusal, guarded
from streams.feeds.notes import Notes
from streams.feeds.times import EARLIEST, from_text

FEED = "search"
_QUERY = "app.bsky.feed.searchPosts"
_LIMIT = 100
_OVERLAP = timedelta(minutes=10)
"""A post may be found some minutes after later ones."""
_MAX_SEEN = 500


class BlueskySearch:
    """Search of one server, logged in where an account is set."""

    name = "bluesky"

    def __init__(self, settings: SearchSettings, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._server = BlueskyServer(settings, client)

    def takes(self, word: str) -> bool:
        """Return True: any word can be searched."""
        return bool(word)

    async def search(self, word: str, place: Place) -> Results:
        """Return one page of results; see SearchPlatform."""
        since = from_text(place.since)
        start = since - _OVERLAP if since else datetime.now(UTC) - timedelta(hours=self._settings.back_h)
        params = {"q": f'"{word}"' if " " in word else word, "sort": "latest", "limit": str(_LIMIT)}
        params["since"] = start.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        answer = await self._server.get(_QUERY, params | ({"cursor": place.page} if place.page else {}))
        posts = answer.get("posts")
        if not isinstance(posts, list):
            raise RefusedError("nonsense", f"{self._server.url} answers without posts")
        views = [view for view in posts[:_LIMIT] if isinstance(view, dict)]
        page, seen = str(answer.get("cursor") or "") if views else "", dict.fromkeys(place.seen)
        new = [view for view in views if _identity(view) not in seen]
        newest = max([place.newest, *(str(view.get("indexedAt") or "") for view in views)])
        kept = [*place.seen, *(_identity(view) for view in new)][-_MAX_SEEN:]
        records = [record for view in new for record in records_of(view)]
        following = Place(since=place.since if page else newest or place.since, page=page,
                          newest=newest if page else "", seen=kept)  # fmt: skip
        return Results(records, following, has_more=bool(page))


def _identity(view: Mapping[str, Any]) -> str:
    return f"{view.get('uri')} {view.get('cid')}"[:300]


def records_of(view: dict[str, Any], feed: str = FEED) -> list[FeedRecord]:
    """Return the post of a result with the id that the live feed gives it, and the dead letters beside it.

    Parameters
    ----------
    view
        app.bsky.feed.defs#postView.
    feed
        Slug of the feed, for its dead letters.
    """
    raw, notes = msgspec.json.encode(view), Notes()

    def records() -> list[FeedRecord]:
        made = to_record(_event(view, notes), pds=ENTRYWAY)
        return list(_with_letters(made, notes, raw, feed)) if isinstance(made, Post) else []

    def refused(refusal: Refusal) -> list[FeedRecord]:
        return [entry_dead_letter(raw, feed=feed, source="bluesky", line=0, refusal=refusal)]

    return guarded(feed, records, refused)


def _with_letters(post: Post, notes: Notes, raw: bytes, feed: str) -> Iterator[FeedRecord]:
    yield post
    yield from unread_dead_letters(notes, post.post_id, raw, feed=feed)


def _event(view: Mapping[str, Any], notes: Notes) -> Event:
    """Return a result as the event of the live feed that it was; raises EntryError for one without an address."""
    did, _, rest = str(view.get("uri") or "").removeprefix("at://").partition("/")
    collection, _, rkey = rest.partition("/")
    if not (did.startswith("did:") and rkey):
        raise EntryError("a result without an at-uri")
    indexed = from_text(view.get("indexedAt"))
    return Event(
        did=did,
        time_us=round((indexed - EARLIEST).total_seconds() * 1_000_000) if indexed else 0,
        notes=notes,
        operation="create",
        collection=collection or POSTS,
        rkey=rkey,
        cid=str(view.get("cid") or ""),
        record=view.get("record"),
    )
