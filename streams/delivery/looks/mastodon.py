"""Look at a post of the fediverse on its author's server: by Mastodon's API, as an ActivityPub object, by its page."""

import re
from collections.abc import Iterable
from http import HTTPStatus

import httpx

from schemas.messages import PostRef
from streams.delivery.looks.answers import MEDIUM_STAYS, found, is_served, json_of, text_of
from streams.delivery.looks.look import Finding
from streams.delivery.looks.web import WebLook
from streams.delivery.web_client import NoReply, Reply, ask
from streams.links.urls import parts_of

_METHOD = "mastodon"
_STATUS = re.compile(r"/(?:web/|deck/)?(?:@[^/]+|users/[^/]+/statuses|statuses|ap/users/[^/]+/statuses)/(\d{1,20})/?")
"""Paths of Mastodon's posts; other servers have other paths, and a 404 of theirs to this API would prove nothing."""
_ACTIVITY = {
    "Accept": 'application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams"'
}
_OBJECTS = {"Note", "Video", "Image", "Audio", "Article", "Page", "Question", "Document"}
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_MEDIUM = re.compile(r"https?://\S+")
_MAX_MEDIA = 2


class MastodonLook:
    """Looks at statuses; servers that answer only their users or other servers are looked at by their pages."""

    def __init__(self, client: httpx.AsyncClient, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._page = WebLook(client, timeout_s)

    async def close(self) -> None:
        """Close kept connections."""
        await self._client.aclose()

    async def look(self, post: PostRef, before: str = "") -> Finding:
        """Return what the server of a post's author has of it; see Look."""
        try:
            finding = await self._by_api(post, before) or await self._by_object(post, before)
        except NoReply as none:
            return Finding("unknown", _METHOD, none.address, error=none.error)
        return finding or await self._page.look(post, before)

    async def _by_api(self, post: PostRef, before: str) -> Finding | None:
        """Return the finding of the API, None if the server has none for us."""
        parts = parts_of(post.url)
        status = _STATUS.fullmatch(parts.path)
        if status is None:
            return None
        reply = await self._ask(f"{parts.scheme}://{parts.netloc}/api/v1/statuses/{status[1]}")
        answer = json_of(reply)
        if reply.status in _GONE and text_of(answer, "error"):
            return await self._gone(reply, text_of(answer, "error"), before)
        if reply.status == HTTPStatus.OK and text_of(answer, "id") == status[1]:
            return _present(reply, _addresses(answer.get("media_attachments")))
        return _later(reply)

    async def _by_object(self, post: PostRef, before: str) -> Finding | None:
        """Return the finding of the ActivityPub object, None if the server has none for us."""
        reply = await self._ask(post.url, _ACTIVITY)
        answer = json_of(reply)
        kind = text_of(answer, "type")
        if kind == "Tombstone" or (reply.status in _GONE and answer):
            return await self._gone(reply, kind, before)
        if reply.status == HTTPStatus.OK and kind in _OBJECTS:
            return _present(reply, _addresses(answer.get("attachment")))
        return _later(reply)

    async def _gone(self, reply: Reply, error: str, before: str) -> Finding:
        """Return the finding of a deleted status; its media may outlive it on the server."""
        known = _MEDIUM.findall(before.partition("media ")[2])[:_MAX_MEDIA]
        served = [address for address in known if await is_served(self._client, address, self._timeout_s)]
        if served:
            return found(
                _METHOD, reply, "gone", MEDIUM_STAYS, f"no such status, media still served: {' '.join(served)}"
            )
        return found(_METHOD, reply, "gone", error, "the server has no such status")

    async def _ask(self, url: str, headers: dict[str, str] | None = None) -> Reply:
        return await ask(self._client, "GET", url, timeout_s=self._timeout_s, headers=headers)


def _present(reply: Reply, media: list[str]) -> Finding:
    return found(_METHOD, reply, "present", detail=f"the status is there, media {' '.join(media) or 'none'}")


def _later(reply: Reply) -> Finding | None:
    """Return the finding of a server that is overloaded or broken, which further questions would not mend."""
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return found(_METHOD, reply, "unknown", "unexpected_status")
    return None


def _addresses(attachments: object) -> list[str]:
    """Return the first addresses of a status's or an object's attachments."""
    entries: Iterable[object] = attachments[:20] if isinstance(attachments, list) else ()
    urls = [text_of(entry, "url") for entry in entries if isinstance(entry, dict)]
    return [url for url in urls if _MEDIUM.fullmatch(url)][:_MAX_MEDIA]
