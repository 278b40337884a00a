"""yt-dlp's requests, passed on to the parent; runs in the child process."""

import io
import zlib
from collections.abc import Iterable
from email.message import Message
from types import SimpleNamespace
from urllib.parse import urljoin
from urllib.request import Request as UrllibRequest

from yt_dlp.networking._helper import get_redirect_method
from yt_dlp.networking.common import Request, RequestHandler, Response
from yt_dlp.networking.exceptions import HTTPError, TransportError

from streams.desk.checking.extractor.pipe import Pipe
from streams.desk.checking.extractor.wire import MAX_ANSWER_BYTES, Answered, Asked

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_EITHER_ENCODING = zlib.MAX_WBITS | 32
"""Of gzip or zlib, by its header."""


class ParentRH(RequestHandler):  # type: ignore[misc]  # yt-dlp ships no types, and wants the name's ending
    """Sends each request through a pipe, and each redirect as a request of its own, so that its address is checked."""

    _SUPPORTED_URL_SCHEMES = ("http", "https")

    def __init__(self, *, pipe: Pipe, **options: object) -> None:
        super().__init__(**options)
        self._pipe = pipe

    def _check_extensions(self, extensions: dict[str, object]) -> None:
        super()._check_extensions(extensions)
        for name in ("cookiejar", "timeout", "legacy_ssl", "keep_header_casing"):
            extensions.pop(name, None)

    def _send(self, request: Request) -> Response:
        url, method, body = request.url, request.method, _body(request.data)
        headers = {name: value for name, value in self._get_headers(request).items() if name.lower() != "cookie"}
        jar = self._get_cookiejar(request)
        for _ in range(_MAX_REDIRECTS + 1):
            cookie = jar.get_cookie_header(url)
            sent = [*headers.items(), *([("Cookie", cookie)] if cookie else [])]
            answered = self._answer(Asked(method, url, sent, body))
            received = _message(answered)
            jar.extract_cookies(SimpleNamespace(info=lambda kept=received: kept), UrllibRequest(url))  # noqa: S310
            location = received.get("Location")
            if answered.status not in _REDIRECTS or not location:
                return _response(answered, received, url)
            url = urljoin(url, location)
            if (following := get_redirect_method(method, answered.status)) != method:
                method, body = following, None
        raise HTTPError(_response(answered, received, url, is_error=False), redirect_loop=True)

    def _answer(self, asked: Asked) -> Answered:
        try:
            answered = self._pipe.ask(asked)
        except (OSError, EOFError) as error:
            raise TransportError("no further requests are sent", cause=error) from error
        if answered.refusal:
            raise TransportError(answered.refusal)
        return answered


def _body(data: bytes | Iterable[bytes] | None) -> bytes | None:
    return data if data is None or isinstance(data, bytes) else b"".join(data)


def _message(answered: Answered) -> Message:
    message = Message()
    for name, value in answered.headers:
        message.add_header(name, value)
    return message


def _response(answered: Answered, headers: Message, url: str, *, is_error: bool = True) -> Response:
    """Return the answer as yt-dlp's; raise it as an error if it is one."""
    encoding = headers.get("Content-Encoding", "").lower()
    body = _decoded(answered.body) if encoding in {"gzip", "x-gzip", "deflate"} else answered.body
    response = Response(io.BytesIO(body), url, headers, answered.status)
    if is_error and not 200 <= answered.status < 300:  # noqa: PLR2004 - as HTTP has it
        raise HTTPError(response)
    return response


def _decoded(body: bytes) -> bytes:
    """Return the beginning of a body that a server compressed although nobody had asked for it."""
    try:
        return zlib.decompressobj(_EITHER_ENCODING).decompress(body, MAX_ANSWER_BYTES)
    except zlib.error as error:
        raise TransportError("the answer cannot be decompressed", cause=error) from error
