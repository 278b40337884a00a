"""Session of the reporting account at its Bluesky server: created by app password, kept, refreshed when it expires."""

import asyncio
from http import HTTPStatus
from typing import Any, NamedTuple

from pydantic import SecretStr

from streams.delivery.channels.sender import NotSentError, Sender, fields, text_of
from streams.delivery.web_client import Reply

_EXPIRED = frozenset({"ExpiredToken", "InvalidToken"})
_UNAUTHORIZED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED})


class _Tokens(NamedTuple):
    access: str
    refresh: str

    def __repr__(self) -> str:
        return "_Tokens()"  # they are secrets


class BlueskySession:
    """Authorized requests to the server of one account; sessions are few, because a server allows few a day.

    Parameters
    ----------
    service
        URL of the server.
    account
        Handle or DID.
    password
        App password.
    """

    def __init__(self, service: str, account: str, password: str, sender: Sender) -> None:
        self._xrpc = f"{service.rstrip('/')}/xrpc"
        self._account = account
        self._password = SecretStr(password)
        self._sender = sender
        self._tokens: _Tokens | None = None
        self._one_at_a_time = asyncio.Lock()

    async def send(self, method: str, name: str, *, headers: dict[str, str], **content: Any) -> Reply:  # noqa: ANN401 - httpx's own values
        """Return the reply of an authorized call that succeeded; raises as Sender.send.

        Parameters
        ----------
        name
            Of the call, such as com.atproto.moderation.createReport.
        """
        tokens = self._tokens or await self._renew(None)
        reply = await self._ask(method, name, tokens, headers, content)
        if is_expired(reply):
            reply = await self._ask(method, name, await self._renew(tokens), headers, content)
        if reply.status != HTTPStatus.OK:
            raise NotSentError(self._sender.refusal(reply))
        return reply

    async def _ask(
        self, method: str, name: str, tokens: _Tokens, headers: dict[str, str], content: dict[str, Any]
    ) -> Reply:
        authorized = {**headers, "Authorization": f"Bearer {tokens.access}"}
        return await self._sender.ask(method, f"{self._xrpc}/{name}", headers=authorized, **content)

    async def _renew(self, expired: _Tokens | None) -> _Tokens:
        """Return new tokens; of several calls that found the same ones expired, one asks for them."""
        async with self._one_at_a_time:
            if self._tokens is expired or self._tokens is None:
                self._tokens = await self._refreshed(expired) if expired else await self._created()
            return self._tokens

    async def _refreshed(self, expired: _Tokens) -> _Tokens:
        headers = {"Authorization": f"Bearer {expired.refresh}"}
        try:
            return self._read(
                await self._sender.send("POST", f"{self._xrpc}/com.atproto.server.refreshSession", headers=headers)
            )
        except NotSentError as error:
            if error.answer.status not in _UNAUTHORIZED:
                raise  # the server is down, and would count a login against its daily limit
            self._tokens = None
            return await self._created()

    async def _created(self) -> _Tokens:
        login = {"identifier": self._account, "password": self._password.get_secret_value()}
        return self._read(await self._sender.send("POST", f"{self._xrpc}/com.atproto.server.createSession", json=login))

    def _read(self, reply: Reply) -> _Tokens:
        body = fields(reply)
        tokens = _Tokens(text_of(body.get("accessJwt")), text_of(body.get("refreshJwt")))
        self._sender.redaction.add(*tokens)
        if not all(tokens) or not all(token.isascii() and token.isprintable() for token in tokens):
            raise self._sender.nonsense(reply, "accessJwt and refreshJwt")
        return tokens


def is_expired(reply: Reply) -> bool:
    """Return whether a server refuses a call because its access token has expired; it does so with status 400."""
    return reply.status in _UNAUTHORIZED and fields(reply).get("error") in _EXPIRED
