"""Source of media over HTTP and HTTPS, with every connection checked."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import httpx

from streams.decode.settings import MediaSettings
from streams.errors import TransientError, UnprocessableError
from streams.links.addresses import AddressPolicy
from streams.links.client import guarded_client
from streams.links.did import HomeServers

_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_FORBIDDEN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS}
_NOT_YET = (b"BlobNotFound", b"Blob not found")
"""Bluesky's error of a blob that it never had, or is still processing: by name as in the lexicon, or by its sentence,
with the name InvalidRequest, as its own server answers."""
_BLOB_PATH = "/xrpc/com.atproto.sync.getBlob"
_ELSEWHERE = {"link_gone", "link_forbidden", "link_refused", "link_not_yet"}
"""Reasons why one server has no blob while another may have it."""
_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}

type Span = tuple[int, int]
"""First byte, and the one after the last."""


class HttpSource:
    """Streams media over http and https, following redirects by hand so that each is checked."""

    def __init__(self, settings: MediaSettings, policy: AddressPolicy) -> None:
        self._settings = settings
        self._client = guarded_client(
            policy, timeout_s=settings.connect_timeout_s, max_connections=settings.max_fetches
        )
        self._home_servers = HomeServers(self._client, settings.plc_directory, settings.connect_timeout_s)

    async def close(self) -> None:
        """Close kept connections."""
        await self._client.aclose()

    async def read(
        self,
        url: str,
        declare: Callable[[int], None],
        *,
        span: Span | None = None,
        located: Callable[[str], object] = str,
    ) -> AsyncGenerator[bytes]:
        """Yield the body in chunks; a blob of Bluesky that the link's server does not have, from its account's server.

        Parameters
        ----------
        declare
            Called with the declared size in bytes, if there is one, before the first chunk.
        span
            The bytes wanted; by default all.
        located
            Called with the address that gave the body, after redirects, before the first chunk.

        Raises
        ------
        UnprocessableError, TransientError
            As Fetcher.fetch.
        """
        try:
            async with aclosing(self._read(url, declare, span, located)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except UnprocessableError as error:  # only before the first chunk
            if error.reason not in _ELSEWHERE or not (home := await self._home(url)):
                raise
            async with aclosing(self._read(home, declare, span, located)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _home(self, url: str) -> str:
        """Return the link of a blob on its account's own server; empty for other links, or without another server."""
        parts = urlsplit(url)
        did = "".join(parse_qs(parts.query).get("did", [])[:1])
        if parts.path != _BLOB_PATH or not did:
            return ""
        server = await self._home_servers.server(did)
        same = urlsplit(server).netloc == parts.netloc
        return "" if same or not server else f"{server}{_BLOB_PATH}?{parts.query}"

    async def _read(
        self, url: str, declare: Callable[[int], None], span: Span | None, located: Callable[[str], object]
    ) -> AsyncGenerator[bytes]:
        host = "the host"
        headers = {} if span is None else {"Range": f"bytes={span[0]}-{span[1] - 1}"}
        try:
            request = self._client.build_request("GET", url, headers=headers)
            for _ in range(self._settings.max_redirects + 1):
                host = request.url.host
                response = await self._client.send(request, stream=True)
                try:
                    if response.next_request is None:
                        if response.is_client_error and _is_not_yet(await _first_chunk(response)):
                            raise UnprocessableError("link_not_yet", f"{host} has no such blob")
                        self._check(response, declare, span)
                        located(str(response.url))
                        async for chunk in _wanted(response, span):
                            yield chunk
                        return
                    request = response.next_request
                finally:
                    await response.aclose()
        except (httpx.InvalidURL, UnicodeError) as error:  # a host name that is not IDNA is a UnicodeError
            raise UnprocessableError("link_malformed", "the link cannot be parsed") from error
        except httpx.UnsupportedProtocol as error:
            raise UnprocessableError("link_scheme", f"{host} redirects to a scheme that is not fetched") from error
        except httpx.TimeoutException as error:
            raise TransientError("link_timeout", f"{host} sent no data for too long") from error
        except httpx.HTTPError as error:
            raise TransientError("link_unavailable", f"{host}: {type(error).__name__}") from error
        raise UnprocessableError("redirect_loop", f"more than {self._settings.max_redirects} redirects")

    def _check(self, response: httpx.Response, declare: Callable[[int], None], span: Span | None) -> None:
        """Refuse a response without a medium, and a declared size that is too large, before reading the body."""
        status, host = response.status_code, response.request.url.host
        detail = f"{host} answered {status}"
        if status in _LATER or response.is_server_error:
            raise TransientError("link_unavailable", detail)
        if status in _GONE:
            raise UnprocessableError("link_gone", detail)
        if status in _FORBIDDEN:
            raise UnprocessableError("link_forbidden", detail)
        if status != HTTPStatus.OK and not _is_part(response, span):
            raise UnprocessableError("link_refused", detail)
        if span is not None and span[0] and status == HTTPStatus.OK:
            raise UnprocessableError("link_refused", f"{host} gives no ranges of bytes")
        declared = response.headers.get("content-length", "")
        if declared.isdecimal():
            if int(declared) > self._settings.max_bytes:
                raise UnprocessableError(
                    "media_too_large", f"{declared} bytes, {self._settings.max_bytes} allowed (JIKIMI_MEDIA_MAX_BYTES)"
                )
            declare(int(declared))


def _is_part(response: httpx.Response, span: Span | None) -> bool:
    """Return whether a response has the bytes wanted, at least from the first one on."""
    given = response.headers.get("content-range", "")
    return (
        span is not None
        and response.status_code == HTTPStatus.PARTIAL_CONTENT
        and given.startswith(f"bytes {span[0]}-")
    )


async def _wanted(response: httpx.Response, span: Span | None) -> AsyncGenerator[bytes]:
    """Yield a body, no further than the last byte wanted; raise media_partial if it ends before."""
    left = None if span is None else span[1] - span[0]
    async for chunk in response.aiter_raw():
        yield chunk[:left]
        if left is not None and (left := left - len(chunk)) <= 0:
            return
    if left:
        raise UnprocessableError("media_partial", f"{response.request.url.host} gave {left} bytes less than wanted")


def _is_not_yet(answer: bytes) -> bool:
    return any(error in answer for error in _NOT_YET)


async def _first_chunk(response: httpx.Response) -> bytes:
    """Return the first bytes of a body; the rest is not read."""
    async for chunk in response.aiter_raw():
        return chunk
    return b""
