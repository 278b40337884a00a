"""Answers of platforms as findings."""

from http import HTTPStatus

import httpx
import msgspec

from streams.delivery.looks.look import Finding, Outcome
from streams.delivery.web_client import NoReply, Reply, ask

MEDIUM_STAYS = "medium_still_served"
"""Error of a finding whose post is gone while its medium can still be fetched by its address."""
_MAX_DETAIL = 4000


def found(method: str, reply: Reply, outcome: Outcome, error: str = "", detail: str = "") -> Finding:
    """Return a finding with the evidence of a reply."""
    return Finding(outcome, method, reply.address, reply.status, error, reply.digest, detail[:_MAX_DETAIL])


def json_of(reply: Reply) -> dict[str, object]:
    """Return the JSON object of a reply, empty if there is none."""
    try:
        value = msgspec.json.decode(reply.body) if reply.whole else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def text_of(value: dict[str, object], name: str) -> str:
    """Return a text of a JSON object, empty if it has none."""
    text = value.get(name)
    return text[:1000] if isinstance(text, str) else ""


async def is_served(client: httpx.AsyncClient, address: str, timeout_s: float) -> bool:
    """Return whether a medium can be fetched, without fetching it; False as well where nobody answers."""
    try:
        reply = await ask(client, "HEAD", address, timeout_s=timeout_s)
        if reply.status in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED} or reply.headers.get("location"):
            reply = await ask(client, "GET", address, timeout_s=timeout_s, headers={"Range": "bytes=0-0"}, max_bytes=0)
    except NoReply:
        return False
    return reply.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}
