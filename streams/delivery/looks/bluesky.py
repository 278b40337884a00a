"""Look at a post of Bluesky on the server of its account: the record, then its media, which are never fetched."""

import re
from collections import deque
from collections.abc import Iterator
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

import httpx

from schemas.messages import PostRef
from streams.delivery.looks.answers import MEDIUM_STAYS, found, json_of, text_of
from streams.delivery.looks.identities import Identities, NoServer
from streams.delivery.looks.look import Finding
from streams.delivery.web_client import NoReply, Reply, ask
from streams.links.urls import parts_of

_METHOD = "bluesky"
_POSTS = "app.bsky.feed.post"
_PAGE = re.compile(r"/profile/(did:[a-z]+:[A-Za-z0-9._:%-]+)/post/([A-Za-z0-9._~:-]+)/?")
_URI = re.compile(rf"at://(did:[a-z]+:[A-Za-z0-9._:%-]+)/{re.escape(_POSTS)}/([A-Za-z0-9._~:-]+)")
_CID = re.compile(r"\bbaf[a-z2-7]{20,100}\b")
_MAX_BLOBS = 4
_ACCOUNT_GONE = {
    "RepoNotFound": "the server has no such account",
    "RepoTakendown": "the account was taken down",
    "RepoSuspended": "the account is suspended, for now",
    "RepoDeactivated": "the account was deactivated by its owner, for now",
}
_STATUSES = {
    "takendown": "RepoTakendown",
    "suspended": "RepoSuspended",
    "deactivated": "RepoDeactivated",
    "deleted": "RepoNotFound",
}
"""Errors by statuses of com.atproto.sync.getRepoStatus."""
_BLOB_GONE = {"BlobNotFound", "BlobTakendown", *_ACCOUNT_GONE}


class _Record(NamedTuple):
    server: str
    did: str
    key: str


class BlueskyLook:
    """Looks at records and blobs.

    A server names errors as the lexicons do, or answers InvalidRequest with a sentence, as Bluesky's own does for blobs
    and for accounts that are away; the account's status then decides.
    """

    def __init__(self, client: httpx.AsyncClient, plc: str, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._identities = Identities(client, plc, timeout_s)

    async def close(self) -> None:
        """Close kept connections."""
        await self._client.aclose()

    async def look(self, post: PostRef, before: str = "") -> Finding:
        """Return what the server of a post's account has of it; see Look."""
        try:
            record = await self._locate(post)
            reply = await self._ask(
                record.server, "repo.getRecord", repo=record.did, collection=_POSTS, rkey=record.key
            )
            seen = list(dict.fromkeys(_CID.findall(before)))[:_MAX_BLOBS]
            if reply.status == HTTPStatus.OK:
                return await self._present(record, reply, seen)
            return await self._absent(record, reply, seen)
        except NoServer as none:
            return _without_server(none)
        except NoReply as none:
            return Finding("unknown", _METHOD, none.address, error=none.error)

    async def _locate(self, post: PostRef) -> _Record:
        parts = _URI.fullmatch(post.url) or _PAGE.fullmatch(parts_of(post.url).path)
        if parts is None:
            raise NoServer("no_record", post.url[:200])
        return _Record(await self._identities.server(parts[1]), parts[1], parts[2])

    async def _present(self, record: _Record, reply: Reply, seen: list[str]) -> Finding:
        """Return the finding of a record that is there: gone only if all its media are."""
        value = json_of(reply).get("value")
        if not isinstance(value, dict):
            return found(_METHOD, reply, "unknown", "nonsense")
        blobs = list(dict.fromkeys([*_blobs(value.get("embed")), *seen]))[:_MAX_BLOBS]
        errors = [await self._blob_error(record, blob) for blob in blobs]
        if blobs and set(errors) <= _BLOB_GONE:
            return found(
                _METHOD, reply, "gone", errors[0], f"the record is there, its media are gone: {' '.join(blobs)}"
            )
        return found(_METHOD, reply, "present", detail=f"the record is there, media {' '.join(blobs) or 'none'}")

    async def _absent(self, record: _Record, reply: Reply, seen: list[str]) -> Finding:
        answer = json_of(reply)
        error, sentence = text_of(answer, "error"), text_of(answer, "message")
        if reply.status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND} or not error:
            return found(_METHOD, reply, "unknown", error or "unexpected_status")
        if error in _ACCOUNT_GONE:
            return found(_METHOD, reply, "gone", error, _ACCOUNT_GONE[error])
        if error == "RecordNotFound" or sentence.startswith("Could not locate record"):
            return await self._deleted(record, reply, seen)
        if sentence.startswith("Could not find repo"):
            return await self._account(record, reply)
        return found(_METHOD, reply, "unknown", error, sentence)

    async def _deleted(self, record: _Record, reply: Reply, seen: list[str]) -> Finding:
        """Return the finding of a deleted record; its media may outlive it for some time."""
        served = [blob for blob in seen if await self._blob_error(record, blob) == ""]
        if served:
            return found(
                _METHOD, reply, "gone", MEDIUM_STAYS, f"no such record, media still served: {' '.join(served)}"
            )
        return found(_METHOD, reply, "gone", "RecordNotFound", "the server has no such record")

    async def _account(self, record: _Record, reply: Reply) -> Finding:
        """Return the finding of an account that the network does not find, by its status on its server."""
        status = await self._ask(record.server, "sync.getRepoStatus", did=record.did)
        answer = json_of(status)
        error = text_of(answer, "error") or _STATUSES.get(text_of(answer, "status"), "")
        if error in _ACCOUNT_GONE and answer.get("active") is not True:
            return found(_METHOD, status, "gone", error, _ACCOUNT_GONE[error])
        return found(_METHOD, reply, "unknown", "InvalidRequest", "the network does not find the account")

    async def _blob_error(self, record: _Record, cid: str) -> str:
        """Return why a blob is not served, empty if it is. HEAD transfers none of it; GET is for the error's name."""
        try:
            reply = await self._ask(record.server, "sync.getBlob", "HEAD", did=record.did, cid=cid)
            if reply.status != HTTPStatus.OK:
                only = {"Range": "bytes=0-0"}
                reply = await self._ask(record.server, "sync.getBlob", headers=only, did=record.did, cid=cid)
        except NoReply as none:
            return none.error
        if reply.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            return ""
        answer = json_of(reply)
        is_missing = reply.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND} and "message" in answer
        not_found = is_missing and text_of(answer, "message").startswith("Blob not found")
        return "BlobNotFound" if not_found else text_of(answer, "error") or "unexpected_status"

    async def _ask(
        self, server: str, method: str, verb: str = "GET", headers: dict[str, str] | None = None, **params: str
    ) -> Reply:
        query = "&".join(f"{name}={quote(value, safe=':')}" for name, value in params.items())
        url = f"{server}/xrpc/com.atproto.{method}?{query}"
        return await ask(self._client, verb, url, timeout_s=self._timeout_s, headers=headers)


def _without_server(none: NoServer) -> Finding:
    """Return the finding of an account whose server is not known; a tombstone ends an account for good."""
    if none.reply is None:
        return Finding("unknown", _METHOD, none.address, error=none.error)
    return found(_METHOD, none.reply, "gone" if none.error == "did_tombstoned" else "unknown", none.error)


def _blobs(embed: object) -> Iterator[str]:
    """Yield the CIDs of the blobs in an embed, in any of its unions, without recursion."""
    waiting = deque([embed])
    while waiting:
        value = waiting.popleft()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            link = value.get("ref")
            cid = link.get("$link") if isinstance(link, dict) else value.get("cid") if "mimeType" in value else None
            if isinstance(cid, str) and _CID.fullmatch(cid):
                yield cid
            waiting += value.values()
