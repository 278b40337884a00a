"""Guard before the console's application: its own address only, no other site's requests, a session, safe headers."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from streams.console.sessions import NOBODY, Session, Sessions
from streams.console.words import preferred, words

COOKIE = "jikimi_console"
SESSION = "jikimi_session"
"""Key of the session in the scope of a request."""
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer a browser hides the origin of our own forms too
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_PUBLIC = ("/enter/", "/static/")
_SAFE = {"GET", "HEAD"}


class Guard:
    """ASGI application that refuses what another site, another name or nobody's browser asks.

    Parameters
    ----------
    hosts
        Values of the header Host that are the console's; others are a name that was bound to this address.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions, hosts: Collection[str]) -> None:
        self._app = app
        self._sessions = sessions
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != ScopeType.HTTP:
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in own]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if (refusal := self._refusal(str(scope["method"]), headers)) is not None:
            await _refuse(send_safely, *refusal)
            return
        session = self._sessions.find(cookie_of(headers))
        if session is None and not scope["path"].startswith(_PUBLIC):
            language = preferred(headers.get("accept-language", ""))
            await _refuse(send_safely, HTTPStatus.UNAUTHORIZED, words(language)("fault.no_session"))
            return
        cast("dict[str, Any]", scope)[SESSION] = session or Session(0.0, NOBODY)  # for the public paths
        await self._app(scope, receive, send_safely)

    def _refusal(self, method: str, headers: Mapping[str, str]) -> tuple[HTTPStatus, str] | None:
        t = words(preferred(headers.get("accept-language", "")))
        if headers.get("host", "").lower() not in self._hosts:
            return HTTPStatus.MISDIRECTED_REQUEST, t("fault.host")
        if method in _SAFE:
            return None
        origin = headers.get("origin", "")
        is_foreign = bool(origin) and origin.partition("://")[2].lower() not in self._hosts
        if is_foreign or headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return HTTPStatus.FORBIDDEN, t("fault.foreign")
        return None


def cookie_of(headers: Mapping[str, str]) -> str:
    """Return the value of the console's cookie, empty without one."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def session_of(scope: Scope) -> Session:
    """Return the session of a request that the guard has let through."""
    session = cast("dict[str, Any]", scope).get(SESSION)
    assert isinstance(session, Session)
    return session


async def _refuse(send: Send, status: HTTPStatus, sentence: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode(), "more_body": False})
