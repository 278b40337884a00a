"""One query over HTTP: through the address policy, within limits, every failure a reason to wait."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import httpx

from streams.delivery.channels.bluesky_session import is_expired
from streams.delivery.channels.retry_after import retry_after_s
from streams.delivery.web_client import NoReply, Reply, ask
from streams.desk.search.platform import Refusal, RefusedError
from streams.feeds.entry_error import EntryError
from streams.feeds.json_text import read_json
from streams.feeds.notes import Notes
from streams.secrets.redaction import masked

_TIMEOUT_S = 20.0
_MAX_BYTES = 8 * 1024 * 1024
"""Largest answer; a page of 100 posts has 300 kB."""
_FORBIDDEN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


async def get(client: httpx.AsyncClient, url: str, params: Mapping[str, str], token: str = "") -> Any:  # noqa: ANN401 - JSON
    """Return the JSON of an answer.

    Raises
    ------
    RefusedError
        There is none, or another answer.
    """
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        reply = await ask(
            client, "GET", url, timeout_s=_TIMEOUT_S, max_bytes=_MAX_BYTES, headers=headers, params=params
        )
    except NoReply as none:
        raise RefusedError("unavailable", f"{none.address}: {none.error}") from none
    return read(reply)


def read(reply: Reply) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON of a reply; raises as `get`."""
    if reply.status != HTTPStatus.OK:
        detail = f"{reply.address} answers {reply.status}: {masked(reply.body[:200].decode(errors='replace'))}"
        raise RefusedError(_reason(reply), " ".join(detail.split()), retry_after_s(reply.headers, datetime.now(UTC)))
    try:
        return read_json(reply.body, Notes()) if reply.whole else None
    except EntryError as error:
        raise RefusedError("nonsense", f"{reply.address} does not answer in JSON") from error


def _reason(reply: Reply) -> Refusal:
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return "limited"
    return "forbidden" if reply.status in _FORBIDDEN or is_expired(reply) else "unavailable"
