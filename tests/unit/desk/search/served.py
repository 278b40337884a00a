"""Searches of Bluesky and Mastodon on one local server, in the wire of the real ones."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.platforms.http_server import LocalServer, Request, Response, reply

SEARCH = "/xrpc/app.bsky.feed.searchPosts"
LOGIN = "/xrpc/com.atproto.server.createSession"
TOKEN = "a-users-token"
DID = "did:plc:mallory"


def view(key: str, text: str, indexed_at: datetime, *, cid: str = "", video: str = "") -> dict[str, Any]:
    """Return a result of searchPosts: the record as the network has it, in the AppView's envelope."""
    record: dict[str, Any] = {
        "$type": "app.bsky.feed.post",
        "text": text,
        "createdAt": iso(indexed_at),
        "langs": ["en"],
    }
    if video:
        blob = {"$type": "blob", "ref": {"$link": video}, "mimeType": "video/mp4", "size": 1}
        record["embed"] = {"$type": "app.bsky.embed.video", "video": blob}
    return {
        "uri": f"at://{DID}/app.bsky.feed.post/{key}", "cid": cid or f"bafyrei{key}",
        "author": {"did": DID, "handle": "mallory.test", "labels": []}, "record": record, "replyCount": 0,
        "repostCount": 0, "likeCount": 0, "indexedAt": iso(indexed_at), "labels": [],
    }  # fmt: skip


def status(number: int, text: str, *, video: str = "") -> dict[str, Any]:
    """Return a status as Mastodon's API writes it."""
    attachment = {"id": "1", "type": "video", "url": video, "preview_url": None, "description": None}
    return {
        "id": str(number), "uri": f"https://social.example/users/m/statuses/{number}", "edited_at": None,
        "url": f"https://social.example/@m/{number}", "created_at": iso(datetime(2026, 3, 1, tzinfo=UTC)),
        "content": f"<p>{text}</p>", "spoiler_text": "", "language": "en", "reblog": None, "tags": [],
        "account": {"acct": "m", "url": "https://social.example/@m"}, "card": None, "poll": None,
        "media_attachments": [attachment] if video else [],
    }  # fmt: skip


def iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Searched(LocalServer):
    """Posts that can be added; pages as the real servers give them."""

    main = SEARCH

    def __init__(self, page: int = 2) -> None:
        super().__init__()
        self.views: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.page = page
        self.requires_login = False
        self.has_expired = False
        """Whether the token has expired; a new login gives another one."""

    def answer(self, request: Request) -> Response:
        query = {name: values[0] for name, values in request.query.items()}
        if request.path == LOGIN:
            self.has_expired = False
            return reply({"accessJwt": TOKEN, "refreshJwt": "r", "did": "did:plc:centre", "handle": "centre.test"})
        if request.path == SEARCH:
            return self._refusal(request) or self._bluesky(query)
        if request.path.startswith("/api/v1/timelines/tag/"):
            return reply(self._statuses(f"#{request.path.rpartition('/')[2]}", query))
        if request.path == "/api/v2/search":
            return reply({"accounts": [], "hashtags": [], "statuses": self._statuses(query["q"], query)})
        return reply({"error": "Not found"}, 404)

    def _refusal(self, request: Request) -> Response | None:
        if self.requires_login and request.headers.get("authorization") != f"Bearer {TOKEN}":
            return reply({"error": "AuthMissing", "message": "Authentication Required"}, 401)
        if self.has_expired:
            return reply({"error": "ExpiredToken", "message": "Token has expired"}, 400)
        return None

    def _bluesky(self, query: dict[str, str]) -> Response:
        assert (query["sort"], query["limit"]) == ("latest", "100")
        word, start = query["q"].strip('"'), int(query.get("cursor", "0"))
        found = [one for one in self.views if word in one["record"]["text"] and one["indexedAt"] >= query["since"]]
        found.sort(key=lambda one: str(one["indexedAt"]), reverse=True)
        rest = {"cursor": str(start + self.page)} if start + self.page < len(found) else {}
        return reply({"posts": found[start : start + self.page], "hitsTotal": len(found), **rest})

    def _statuses(self, word: str, query: dict[str, str]) -> list[dict[str, Any]]:
        """Return what follows min_id, newest first, as the real server does: the oldest page of it."""
        found = [one for one in self.statuses if word in one["content"]]
        after = query.get("min_id")
        if after is not None:
            found = [one for one in found if int(one["id"]) > int(after)][: int(query["limit"])]
        return found[-int(query["limit"]) :][::-1]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)
