"""Records of Bluesky by the address of a post: at-uri, server of the account, and cid."""

import re

from schemas.messages import NoticeItem
from streams.delivery.channels.channel import Answer
from streams.delivery.channels.sender import NotSentError, Sender, fields, text_of
from streams.delivery.web_client import Reply
from streams.links.did import document_address, server_of
from streams.links.urls import parts_of

_PAGE = re.compile(r"/profile/(?P<repo>[^/]{1,300})/post/(?P<key>[A-Za-z0-9._:~-]{1,512})/?")
_URI = re.compile(
    r"at://(?P<repo>did:[a-z]+:[A-Za-z0-9._:%-]{1,300})/(?P<collection>[A-Za-z0-9.-]{1,317})/(?P<key>[A-Za-z0-9._:~-]{1,512})"
)
_POSTS = "app.bsky.feed.post"


class AtRecords:
    """Reads records without an account, at the servers of their owners.

    Parameters
    ----------
    service
        URL of a server that resolves handles.
    resolver
        URL of the server that resolves did:plc.
    """

    def __init__(self, service: str, resolver: str, sender: Sender) -> None:
        self._service = service.rstrip("/")
        self._resolver = resolver.rstrip("/")
        self._sender = sender

    async def strong_ref(self, item: NoticeItem) -> dict[str, str]:
        """Return at-uri and cid of a post.

        Raises
        ------
        NotSentError
            The address is no post of Bluesky, or the post cannot be found; RecordNotFound if it is gone.
        """
        uri = item.native_ids.get("at_uri") or await self._uri(item.url)
        if cid := item.native_ids.get("cid"):
            return {"uri": uri, "cid": cid}
        parts = _URI.fullmatch(uri)
        if parts is None:
            raise _no_post(item.url)
        reply = await self.record(parts["repo"], parts["collection"], parts["key"])
        if not (cid := text_of(fields(reply).get("cid"))):
            raise self._sender.nonsense(reply, "cid")
        return {"uri": uri, "cid": cid}

    async def record(self, did: str, collection: str, key: str) -> Reply:
        """Return the reply with a record; raises as Sender.send."""
        server = await self._server_of(did)
        where = {"repo": did, "collection": collection, "rkey": key}
        return await self._sender.send("GET", f"{server}/xrpc/com.atproto.repo.getRecord", params=where)

    async def _uri(self, url: str) -> str:
        page = _PAGE.fullmatch(parts_of(url).path)
        if page is None:
            raise _no_post(url)
        repo = page["repo"] if page["repo"].startswith("did:") else await self._did_of(page["repo"])
        return f"at://{repo}/{_POSTS}/{page['key']}"

    async def _did_of(self, handle: str) -> str:
        reply = await self._sender.send(
            "GET", f"{self._service}/xrpc/com.atproto.identity.resolveHandle", params={"handle": handle}
        )
        if not (did := text_of(fields(reply).get("did"))).startswith("did:"):
            raise self._sender.nonsense(reply, "did")
        return did

    async def _server_of(self, did: str) -> str:
        """Return the URL of the server with the account's records, from its DID document."""
        if not (document := document_address(did, self._resolver)):
            raise NotSentError(Answer("refused", did, error="did_unsupported", detail="nobody resolves such a DID"))
        reply = await self._sender.send("GET", document)
        if not (server := server_of(fields(reply), did)):
            raise self._sender.nonsense(reply, "#atproto_pds")
        return server


def _no_post(url: str) -> NotSentError:
    return NotSentError(
        Answer("refused", url[:2000], error="no_bluesky_post", detail="the address is not a Bluesky post")
    )
