"""Servers of accounts by DID, from the documents of did:plc and did:web."""

import asyncio
from collections import OrderedDict
from http import HTTPStatus
from time import monotonic
from urllib.parse import unquote, urlsplit

import httpx
import msgspec

from streams.errors import TransientError, UnprocessableError

_MAX_KEPT = 10_000
_KEEP_S = 600.0
"""Retention of an answer, also of the one that there is no server."""
_MAX_BYTES = 64 * 1024
"""Largest document; a usual one has 1 kB."""
_MAX_DID = 2_048
_MAX_SERVICES = 20


class HomeServers:
    """Servers by DID, kept for ten minutes, at most 10,000.

    Parameters
    ----------
    client
        Connects to checked addresses only, because others choose them.
    plc
        Server of did:plc documents.
    timeout_s
        Longest wait for a document.
    """

    def __init__(self, client: httpx.AsyncClient, plc: str, timeout_s: float) -> None:
        self._client = client
        self._plc = plc.rstrip("/")
        self._timeout_s = timeout_s
        self._kept: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def server(self, did: str) -> str:
        """Return the URL of an account's server, empty if it has none.

        Raises
        ------
        TransientError
            link_unavailable: its document cannot be fetched now.
        """
        server, until = self._kept.get(did, ("", 0.0))
        if until < monotonic():
            server = await self._resolve(did)
            self._kept[did] = server, monotonic() + _KEEP_S
            self._kept.move_to_end(did)
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return server

    async def _resolve(self, did: str) -> str:
        if not (address := document_address(did, self._plc)):
            return ""
        try:
            async with asyncio.timeout(self._timeout_s), self._client.stream("GET", address) as response:
                if response.is_server_error or response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                    raise TransientError("link_unavailable", f"the document of {did} answers {response.status_code}")
                return _server(await _body(response), did) if response.status_code == HTTPStatus.OK else ""
        except (TimeoutError, httpx.HTTPError) as error:
            detail = f"the document of {did} is not available: {type(error).__name__}"
            raise TransientError("link_unavailable", detail) from error
        except (UnprocessableError, httpx.InvalidURL, UnicodeError):  # a private address, or none at all
            return ""


def document_address(did: str, plc: str) -> str:
    """Return the address of a DID's document, empty for one of another method."""
    method, _, name = did[:_MAX_DID].removeprefix("did:").partition(":")
    if method == "plc" and name.isalnum() and name.isascii():
        return f"{plc}/{did}"
    if method == "web" and name and not set(host := unquote(name)) & set("/?#@\\"):
        return f"https://{host}/.well-known/did.json"
    return ""


def server_of(document: object, did: str) -> str:
    """Return the address of a document's #atproto_pds service, empty if it has none."""
    services = document.get("service") if isinstance(document, dict) else None
    for service in services[:_MAX_SERVICES] if isinstance(services, list) else ():
        if isinstance(service, dict) and service.get("id") in ("#atproto_pds", f"{did}#atproto_pds"):
            endpoint = service.get("serviceEndpoint")
            return endpoint.rstrip("/") if isinstance(endpoint, str) else ""
    return ""


def _server(body: bytes, did: str) -> str:
    """Return scheme and host of the server in a document, empty if there is no such address."""
    try:
        parts = urlsplit(server_of(msgspec.json.decode(body), did))
        _ = parts.port  # parsed, and so validated, only on access
    except (ValueError, RecursionError):  # also of msgspec and UTF-8
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"https", "http"} and parts.hostname else ""


async def _body(response: httpx.Response) -> bytes:
    """Return the beginning of a body, which the client asks for without compression."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > _MAX_BYTES:
            break
    return bytes(body[:_MAX_BYTES])
