"""Posts and actors of the fediverse: found from a post's address, with signed requests."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from schemas.messages import NoticeItem
from streams.delivery.channels.channel import Answer
from streams.delivery.channels.http_signature import RequestSigner
from streams.delivery.channels.sender import NotSentError, Sender, fields, text_of
from streams.delivery.web_client import Reply
from streams.links.urls import joined, parts_of

_JSON = 'application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams"'
_MAX_REDIRECTS = 3


class Target(NamedTuple):
    """What a flag names, and where it goes."""

    post: str
    """Id of the post."""
    actor: str
    """Id of its author."""
    inbox: str


class Fediverse:
    """Reads objects of other servers; some answer only to signed requests."""

    def __init__(self, signer: RequestSigner, sender: Sender) -> None:
        self._signer = signer
        self._sender = sender

    async def target(self, item: NoticeItem) -> Target:
        """Return post, author and inbox.

        Raises
        ------
        NotSentError
            The post is gone, or its server gives no author with an inbox.
        """
        reply, post = await self._object(item.native_ids.get("uri") or item.url)
        post_id = text_of(post.get("id"))
        author = _id_of(post.get("attributedTo"))
        if not post_id or not author:
            raise self._sender.nonsense(reply, "id and author of a post")
        # A post names an author of its own server only; otherwise anybody could have anyone reported.
        if len({_host(reply.address), _host(post_id), _host(author)}) > 1:
            raise NotSentError(
                Answer("refused", reply.address, error="author_elsewhere", detail="post and author differ")
            )
        actor_reply, actor = await self._actor(author, item.author)
        if text_of(actor.get("id")) != author:
            raise self._sender.nonsense(actor_reply, "id of its author")
        return Target(post_id, author, self._inbox(actor_reply, actor))

    async def _actor(self, author: str, account: str | None) -> tuple[Reply, Mapping[str, Any]]:
        """Return the author, by account name (user@host) if its id leads nowhere."""
        try:
            return await self._object(author)
        except NotSentError:
            if account is None or "@" not in account or "/" in account:
                raise
            return await self._object(await self._webfinger(account.lstrip("@")))

    async def _webfinger(self, account: str) -> str:
        host = account.rpartition("@")[2]
        query = {"resource": f"acct:{account}"}
        reply = await self._sender.send("GET", f"https://{host}/.well-known/webfinger", params=query)
        links = fields(reply).get("links")
        for link in links if isinstance(links, list) else ():
            if isinstance(link, dict) and link.get("rel") == "self" and "json" in text_of(link.get("type")):
                return text_of(link.get("href"))
        raise self._sender.nonsense(reply, "link to the actor")

    async def _object(self, url: str) -> tuple[Reply, Mapping[str, Any]]:
        """Return an object's reply and fields; each redirect is signed again, because a signature names the host."""
        for _ in range(_MAX_REDIRECTS + 1):
            reply = await self._signed_get(url)
            location = reply.headers.get("location", "")
            if not httpx.codes.is_redirect(reply.status) or not location:
                break
            url = joined(url, location)
        else:
            raise NotSentError(Answer("failed", reply.address, reply.status, error="redirect_loop"))
        if not httpx.codes.is_success(reply.status):
            raise NotSentError(self._sender.refusal(reply))
        if not (found := fields(reply)):
            raise self._sender.nonsense(reply, "object")
        return reply, found

    async def _signed_get(self, url: str) -> Reply:
        try:
            headers = {"Accept": _JSON, **self._signer.headers("GET", url)}
        except (httpx.InvalidURL, UnicodeError):
            raise NotSentError(
                Answer("refused", error="link_malformed", detail="the address cannot be parsed")
            ) from None
        return await self._sender.ask("GET", url, headers=headers, follow=False)

    def _inbox(self, reply: Reply, actor: Mapping[str, Any]) -> str:
        endpoints = actor.get("endpoints")
        shared = text_of(endpoints.get("sharedInbox")) if isinstance(endpoints, dict) else ""
        inbox = shared or text_of(actor.get("inbox"))
        if not inbox.startswith(("https://", "http://")):
            raise self._sender.nonsense(reply, "inbox")
        return inbox


def _id_of(value: object) -> str:
    """Return the id of an object that is given as id, as object, or as a list of them."""
    if isinstance(value, list):
        value = value[0] if value else ""
    return text_of(value.get("id")) if isinstance(value, dict) else text_of(value)


def _host(url: str) -> str:
    return parts_of(url).netloc.lower()
