"""Servers of Bluesky's accounts, from their DID documents."""

from http import HTTPStatus
from time import monotonic

import httpx

from streams.delivery.looks.answers import json_of
from streams.delivery.web_client import NoReply, Reply, ask
from streams.links.did import document_address, server_of

_MAX_KEPT = 10_000
_KEEP_S = 600.0
"""An account that moves is asked for at its old server for this long, which then answers for the network."""


class NoServer(Exception):  # noqa: N818 - a usual outcome
    """An account whose server is not known.

    Parameters
    ----------
    reply
        Answer of the resolver, if there was one.
    """

    def __init__(self, error: str, address: str, reply: Reply | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.address = address
        self.reply = reply


class Identities:
    """Servers by DID, kept for ten minutes, at most 10,000.

    Parameters
    ----------
    plc
        Server of did:plc documents.
    """

    def __init__(self, client: httpx.AsyncClient, plc: str, timeout_s: float) -> None:
        self._client = client
        self._plc = plc.rstrip("/")
        self._timeout_s = timeout_s
        self._kept: dict[str, tuple[str, float]] = {}

    async def server(self, did: str) -> str:
        """Return the URL of an account's server.

        Raises
        ------
        NoServer
            did_tombstoned if the account was ended for good, did_unsupported, did_not_found, or the reason of no reply.
        """
        server, until = self._kept.get(did, ("", 0.0))
        if until < monotonic():
            server = await self._resolve(did)
            if len(self._kept) >= _MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[did] = server, monotonic() + _KEEP_S
        return server

    async def _resolve(self, did: str) -> str:
        address = self._document(did)
        try:
            reply = await ask(self._client, "GET", address, timeout_s=self._timeout_s)
        except NoReply as none:
            raise NoServer(none.error, none.address) from none
        if reply.status == HTTPStatus.GONE:
            raise NoServer("did_tombstoned", reply.address, reply)
        server = server_of(json_of(reply), did) if reply.status == HTTPStatus.OK else ""
        if not server:
            raise NoServer("did_not_found", reply.address, reply)
        return server

    def _document(self, did: str) -> str:
        if not (address := document_address(did, self._plc)):
            raise NoServer("did_unsupported", did[:200])
        return address
