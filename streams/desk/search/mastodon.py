"""Search of a Mastodon server: timelines of hashtags, and its full-text search; both forward from the last result."""

from typing import Any, Literal
from urllib.parse import quote

import httpx
import msgspec

from streams.desk.search.platform import Place, RefusedError, Results
from streams.desk.search.query import get
from streams.feeds.batch import FeedRecord
from streams.feeds.dead_letters import entry_dead_letter, unread_dead_letters
from streams.feeds.guard import Refusal, guarded
from streams.feeds.mastodon.wire import parse_status, to_post

FEED = "search"
_LIMIT = 40
_MAX_ID = 40


class MastodonSearch:
    """One of the two searches of a server; the ids of statuses grow, so `min_id` gives what follows, without a gap.

    Parameters
    ----------
    kind
        tag: timelines of hashtags; words: the full-text search, which needs a token.
    """

    def __init__(self, server: str, token: str, kind: Literal["tag", "words"], client: httpx.AsyncClient) -> None:
        self._server, self._token, self._kind, self._client = server.rstrip("/"), token, kind, client
        self.name = f"mastodon-{kind}"

    def takes(self, word: str) -> bool:
        """Return whether the word can be a hashtag, or any for the full-text search."""
        return self._kind == "words" or word.removeprefix("#").replace("_", "").isalnum()

    async def search(self, word: str, place: Place) -> Results:
        """Return one page of results; see SearchPlatform."""
        params = {"limit": str(_LIMIT)} | ({"min_id": place.since} if place.since else {})
        statuses = await self._get(word, params)
        new = [one for one in statuses if isinstance(one, dict) and _is_after(one.get("id"), place.since)]
        newest = max([place.since, *(str(one["id"]) for one in new)], key=lambda one: (len(one), one))
        records = [record for one in new for record in records_of(one, self._server)]
        # The first page is of the newest; each later one follows the last result.
        return Results(records, Place(since=newest), has_more=bool(place.since) and len(new) == _LIMIT)

    async def _get(self, word: str, params: dict[str, str]) -> list[Any]:
        if self._kind == "tag":
            tag = quote(word.removeprefix("#"), safe="")
            found = await get(self._client, f"{self._server}/api/v1/timelines/tag/{tag}", params, self._token)
        else:
            asked = params | {"q": word, "type": "statuses", "resolve": "false"}
            answer = await get(self._client, f"{self._server}/api/v2/search", asked, self._token)
            found = answer.get("statuses") if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise RefusedError("nonsense", f"{self._server} answers without statuses")
        return found[:_LIMIT]


def _is_after(status_id: object, since: str) -> bool:
    if not isinstance(status_id, str) or not 0 < len(status_id) <= _MAX_ID:
        return False
    return (len(status_id), status_id) > (len(since), since)


def records_of(status: dict[str, Any], server: str, feed: str = FEED) -> list[FeedRecord]:
    """Return the post of a status with the id that the live feed gives it, and the dead letters beside it.

    Parameters
    ----------
    server
        Address of the server that gave it.
    feed
        Slug of the feed, for its dead letters.
    """
    raw = msgspec.json.encode(status)

    def records() -> list[FeedRecord]:
        parsed = parse_status(raw)
        post = to_post(parsed.reblog or parsed, server)
        return [post, *unread_dead_letters(parsed.fields.notes, post.post_id, raw, feed=feed)]

    def refused(refusal: Refusal) -> list[FeedRecord]:
        return [entry_dead_letter(raw, feed=feed, source=server, line=0, refusal=refusal)]

    return guarded(feed, records, refused)
