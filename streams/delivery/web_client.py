"""HTTP client of the delivery: checked addresses, redirects one by one, bodies of limited size."""

import asyncio
import ssl
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

import httpx

from streams.errors import RecordError
from streams.links.addresses import AddressPolicy
from streams.links.client import guarded_client
from streams.settings import Settings

MAX_REDIRECTS = 5
MAX_BYTES = 256 * 1024
"""Most bytes read of an answer: heads of pages and API answers are smaller."""


class Reply(NamedTuple):
    """Part of an HTTP answer that was read."""

    address: str
    """Address that answered, after redirects, without credentials and fragment."""
    status: int
    headers: httpx.Headers
    body: bytes
    """First bytes as transferred, at most the limit."""
    whole: bool
    """Whether the body ended within the limit, and was read at all."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the body as far as it was read."""
        return sha256(self.body).digest()


class NoReply(Exception):  # noqa: N818 - an answer's absence is a usual outcome
    """No HTTP answer.

    Parameters
    ----------
    error
        Slug: timeout, tls, unavailable, redirect_loop, or a reason of the link guard, such as link_private_address.
    address
        Last address that was asked, without credentials and fragment.
    """

    def __init__(self, error: str, address: str) -> None:
        super().__init__(error)
        self.error = error
        self.address = address


def checked_client(settings: Settings) -> httpx.AsyncClient:
    """Return a client that connects only to public addresses and to `settings.delivery.allowed_hosts`.

    It follows no redirects and does not limit bodies by itself: `ask` does both.
    """
    delivery = settings.delivery
    policy = AddressPolicy(delivery.allowed_hosts)
    return guarded_client(policy, timeout_s=delivery.timeout_s, max_connections=delivery.concurrency)


async def ask(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    timeout_s: float,
    max_bytes: int = MAX_BYTES,
    follow: bool = True,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: object = None,
    content: bytes | None = None,
) -> Reply:
    """Return the answer to a request; of a medium only status and headers.

    A GET follows up to five redirects, each to a checked address. Other methods follow none, because a redirected POST
    becomes a GET, and its answer concerns something else.

    Parameters
    ----------
    timeout_s
        Longest time of the whole exchange with its redirects, seconds.
    max_bytes
        Bytes of the body after which reading stops.
    follow
        Whether a GET follows redirects; else one is the answer, as a signed request needs it, which names its host.
    headers, params, json, content
        As of `httpx.AsyncClient.build_request`.

    Raises
    ------
    NoReply
        There was none, for whatever reason.
    """
    asked = [url]
    try:
        async with asyncio.timeout(timeout_s):
            request = client.build_request(method, url, headers=headers, params=params, json=json, content=content)
            return await _follow(client, request, max_bytes, asked, follow=follow)
    except RecordError as error:
        raise NoReply(error.reason, plain(asked[-1])) from error
    except (httpx.InvalidURL, UnicodeError) as error:  # a host name that is not IDNA is a UnicodeError
        raise NoReply("link_malformed", plain(asked[-1])) from error
    except httpx.UnsupportedProtocol as error:
        raise NoReply("link_scheme", plain(asked[-1])) from error
    except (TimeoutError, httpx.TimeoutException) as error:
        raise NoReply("timeout", plain(asked[-1])) from error
    except httpx.HTTPError as error:
        raise NoReply("tls" if _is_tls(error) else "unavailable", plain(asked[-1])) from error


async def _follow(
    client: httpx.AsyncClient, request: httpx.Request, max_bytes: int, asked: list[str], *, follow: bool
) -> Reply:
    follows = follow and request.method == "GET"
    for _ in range(MAX_REDIRECTS + 1):
        asked.append(str(request.url))
        response = await client.send(request, stream=True)
        try:
            if response.next_request is None or not follows:
                return await _read(response, max_bytes)
        finally:
            await response.aclose()
        request = response.next_request
    raise NoReply("redirect_loop", plain(asked[-1]))


async def _read(response: httpx.Response, max_bytes: int) -> Reply:
    body, whole = bytearray(), _is_text(response)
    if whole:
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > max_bytes:
                whole = False
                break
    address = plain(str(response.request.url))
    return Reply(address, response.status_code, response.headers, bytes(body[:max_bytes]), whole)


def _is_text(response: httpx.Response) -> bool:
    """Return whether a body may be read: what may be a medium is not, so that no look or notice ever fetches one."""
    kind = response.headers.get("content-type", "").lower()
    if not kind:  # answers to notices often have none
        return response.request.method != "GET" or not response.is_success
    return kind.startswith("text/") or "json" in kind or "xml" in kind


def plain(url: str) -> str:
    """Return an address without user, password and fragment, cut at 2,000 characters, for logs and evidence."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        return url.partition("#")[0].rpartition("@")[2][:2000]
    return str(parsed.copy_with(username=None, password=None, fragment=None))[:2000]


def _is_tls(error: BaseException | None) -> bool:
    """Return whether an error of TLS is in the chain of causes: httpx has no class for it."""
    for _ in range(10):  # a chain may have no end
        if isinstance(error, ssl.SSLError):
            return True
        error = error and (error.__cause__ or error.__context__)
    return False
