"""Look at a post's page: its status, and whether it still shows what it showed before."""

from http import HTTPStatus

import httpx

from schemas.messages import PostRef
from streams.delivery.looks.answers import found, json_of
from streams.delivery.looks.look import Finding
from streams.delivery.looks.page import Page, Seen, describe, is_front, is_wall, read_page, same
from streams.delivery.web_client import NoReply, Reply, ask

GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS}
_ACCEPT = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5"}
_METHOD = "web"


class WebLook:
    """Looks at pages.

    A page with status 200 proves a removal only if an earlier look saw a medium there that is now missing: everything
    else on a page may have been written by its uploader. A refusal (401, 403) proves nothing, because platforms refuse
    programs, countries and guests alike.
    """

    def __init__(self, client: httpx.AsyncClient, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s

    async def close(self) -> None:
        """Close kept connections."""
        await self._client.aclose()

    async def look(self, post: PostRef, before: str = "") -> Finding:
        """Return what a post's page shows; see Look."""
        try:
            reply = await ask(self._client, "GET", post.url, timeout_s=self._timeout_s, headers=_ACCEPT)
        except NoReply as none:
            return Finding("unknown", _METHOD, none.address, error=none.error)
        finding = _by_status(reply, same(reply.address) != same(post.url)) or _by_type(reply)
        if finding is not None:
            return finding
        page = read_page(reply.body.decode(errors="replace"), reply.address)
        return await self._compare(post, reply, page, Seen.read(before))

    async def _compare(self, post: PostRef, reply: Reply, page: Page, seen: Seen) -> Finding:
        detail = describe(reply.address, page)
        if seen.address and same(seen.address) != same(reply.address):
            return found(_METHOD, reply, "unknown", "redirected", detail)
        if page.markers & seen.markers or (page.markers and not seen.markers):
            return found(_METHOD, reply, "present", detail=detail)
        if seen.markers:
            return await self._missing(post, reply, page, seen)
        if page.text and page.text == seen.text and not (page.says_removed or page.asks_login):
            return found(_METHOD, reply, "present", detail=detail)
        return found(_METHOD, reply, "unknown", "says_removed" if page.says_removed else "no_medium_seen", detail)

    async def _missing(self, post: PostRef, reply: Reply, page: Page, seen: Seen) -> Finding:
        """Return the finding of a page without the medium that it showed before."""
        detail = f"the page showed {', '.join(sorted(seen.markers))} before, now {', '.join(page.markers) or 'none'}"
        if page.asks_login:
            return found(_METHOD, reply, "unknown", "login_wall", detail)
        if page.says_removed and not page.markers:
            return found(_METHOD, reply, "gone", "says_removed", detail)
        if seen.oembed and (described := await self._oembed(seen.oembed)) is not None:
            return described
        is_own = bool({same(post.url), same(reply.address)} & page.addresses)
        if is_own and reply.whole and not page.markers:
            return found(_METHOD, reply, "gone", "medium_missing", detail)
        return found(_METHOD, reply, "unknown", "medium_missing" if reply.whole else "page_cut", detail)

    async def _oembed(self, address: str) -> Finding | None:
        """Return the finding of the page's description for embedding, None if it proves neither."""
        try:
            reply = await ask(self._client, "GET", address, timeout_s=self._timeout_s)
        except NoReply:
            return None
        if reply.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            return found(_METHOD, reply, "gone", "oembed_gone", "the platform describes the video no more")
        if reply.status == HTTPStatus.OK and json_of(reply).get("type") == "video":
            return found(_METHOD, reply, "present", "oembed_only", "the page shows no medium, its oEmbed does")
        return None


def _by_status(reply: Reply, is_redirected: bool) -> Finding | None:
    """Return the finding of a status other than 200, or of a redirect that leads away from the post."""
    if is_redirected and is_wall(reply.address):
        return found(_METHOD, reply, "unknown", "redirect_login")
    if reply.status in GONE:
        legal = reply.status == HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS
        return found(_METHOD, reply, "gone", detail="blocked by law, perhaps only where we are" if legal else "")
    if reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return found(_METHOD, reply, "unknown", "forbidden")
    if reply.status != HTTPStatus.OK:
        return found(_METHOD, reply, "unknown", "unexpected_status")
    is_home = is_redirected and is_front(reply.address)
    return found(_METHOD, reply, "unknown", "redirect_home") if is_home else None


def _by_type(reply: Reply) -> Finding | None:
    """Return the finding of an answer that is not a page, and of which nothing was read."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith(("video/", "audio/", "image/")) or kind == "application/octet-stream":
        return found(_METHOD, reply, "present", detail=f"the address serves {kind}")
    return None if reply.body else found(_METHOD, reply, "unknown", "no_page")
