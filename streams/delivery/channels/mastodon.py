"""Channel of Mastodon: reports at the server of our account, which forwards them to the author's server."""

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple
from urllib.parse import urlencode

from pydantic import SecretStr

from schemas.messages import Notice, NoticeItem
from streams.delivery.channels.channel import Answer
from streams.delivery.channels.parts import Parts
from streams.delivery.channels.renderer import Renderer
from streams.delivery.channels.sender import NotSentError, Sender, fields, text_of
from streams.delivery.platforms.registry import MastodonChannel

MAX_CHARACTERS = 1_000
"""Of a comment, Mastodon's default."""


class _Status(NamedTuple):
    """A post as our account's server has it."""

    id: str
    account_id: str


class MastodonReports:
    """Reports the posts of a notice, those of one account in one report.

    Parameters
    ----------
    token
        Access token of the account.
    limit
        Characters of the comment.
    """

    def __init__(
        self, entry: MastodonChannel, token: str, sender: Sender, render: Renderer, *, limit: int = MAX_CHARACTERS
    ) -> None:
        self._server = entry.server.rstrip("/")
        self._forward = entry.forward
        self._token = SecretStr(token)
        self._sender = sender
        self._render = render
        self._limit = limit
        self._parts = Parts()

    async def send(self, notice: Notice, key: str) -> Answer:
        """Send a notice, as Channel.send; the receipts are the ids of the reports."""
        try:
            statuses = [await self._resolve(item) for item in notice.items]
        except NotSentError as error:
            return error.answer
        return await self._parts.send(key, _by_account(statuses), partial(self._report, notice, key))

    async def close(self) -> None:
        """Close kept connections."""
        await self._sender.close()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token.get_secret_value()}"}

    async def _resolve(self, item: NoticeItem) -> _Status:
        """Return the status at an address; the server fetches it if it has none yet."""
        query = {"q": item.url, "resolve": "true", "type": "statuses", "limit": "1"}
        reply = await self._sender.send("GET", f"{self._server}/api/v2/search", params=query, headers=self._headers())
        statuses = fields(reply).get("statuses")
        if not isinstance(statuses, list):
            raise self._sender.nonsense(reply, "list of statuses")
        if not statuses:  # a deleted status cannot be reported
            raise _refusal(item, "status_not_found", "the server finds no such status")
        found = statuses[0] if isinstance(statuses[0], dict) else {}
        account = found.get("account")
        status = _Status(text_of(found.get("id")), text_of(account.get("id")) if isinstance(account, dict) else "")
        if not all(status):
            raise self._sender.nonsense(reply, "status with its account")
        if not {item.url, *item.native_ids.values()} & {text_of(found.get("url")), text_of(found.get("uri"))}:
            raise _refusal(item, "status_differs", "the server found another status")
        return status

    async def _report(self, notice: Notice, key: str, statuses: list[_Status]) -> Answer:
        form: dict[str, str | list[str]] = {
            "account_id": statuses[0].account_id,
            "status_ids[]": [status.id for status in statuses],
            "comment": self._render.text(notice, self._limit)[: self._limit],
            "category": "legal",
            "forward": str(self._forward).lower(),
        }
        headers = {**self._headers(), "Idempotency-Key": key, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form, doseq=True).encode()
        reply = await self._sender.send("POST", f"{self._server}/api/v1/reports", content=body, headers=headers)
        if not (receipt := text_of(fields(reply).get("id"))):
            raise self._sender.nonsense(reply, "id")
        return self._sender.answer(reply, receipt)


def _by_account(statuses: Iterable[_Status]) -> list[tuple[str, list[_Status]]]:
    grouped: dict[str, list[_Status]] = {}
    for status in statuses:
        grouped.setdefault(status.account_id, []).append(status)
    return list(grouped.items())


def _refusal(item: NoticeItem, error: str, detail: str) -> NotSentError:
    return NotSentError(Answer("refused", item.url[:2000], error=error, detail=detail))
