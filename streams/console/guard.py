"""Guard before the console's application: its own address only, no other site's, a session, limits, safe headers."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from math import ceil
from typing import Any, NamedTuple, cast
from urllib.parse import quote

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from streams.console.limits import Limits
from streams.console.sessions import NOBODY, Session, Sessions
from streams.console.words import Words, preferred, words

log = structlog.get_logger()

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
STRICT_TRANSPORT = {"strict-transport-security": "max-age=31536000"}
_PUBLIC, _PUBLIC_OF_TEAM = ("/enter/", "/static/"), ("/login", "/static/")
_LOGINS = ("/enter/", "/login/return")
_SAFE = {"GET", "HEAD"}


class Refusal(NamedTuple):
    """Answer in place of the application's."""

    status: HTTPStatus
    reason: str
    """For the log, and the key of the sentence."""
    headers: Mapping[str, str] = {}


class Guard:
    """ASGI application that refuses requests of other sites, for other host names, and without a session.

    Parameters
    ----------
    hosts
        Values of the header Host that are the console's; others are a name that was bound to this address.
    limits
        Of requests.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions, hosts: Collection[str], limits: Limits | None = None) -> None:
        self._app = app
        self._sessions = sessions
        self._hosts = hosts
        self._limits = limits or Limits()
        self._policy = sessions.policy
        self._public = _PUBLIC_OF_TEAM if self._policy.is_secure else _PUBLIC
        self._origins = {f"{'https' if self._policy.is_secure else 'http'}://{host}" for host in hosts}
        self._headers = HEADERS | (STRICT_TRANSPORT if self._policy.is_secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != ScopeType.HTTP:
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                lacking = self._headers.items()
                more = [(name.encode(), value.encode()) for name, value in lacking if name.encode() not in own]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        session = self._sessions.find(cookie_of(headers, self._policy.cookie))
        refusal = self._refusal(scope, headers, session)
        if refusal is not None:
            await _refuse(send_safely, refusal, words(preferred(headers.get("accept-language", ""))))
            return
        cast("dict[str, Any]", scope)[SESSION] = session or Session(0.0, NOBODY)  # for the public paths
        await self._app(scope, receive, send_safely)

    def _refusal(self, scope: HTTPScope, headers: Mapping[str, str], session: Session | None) -> Refusal | None:
        if headers.get("host", "").lower() not in self._hosts:
            return _denied(scope, Refusal(HTTPStatus.MISDIRECTED_REQUEST, "host"))
        if (too_many := self._too_many(scope, session)) is not None:
            return too_many
        if scope["method"] not in _SAFE and self._is_foreign(headers):
            return _denied(scope, Refusal(HTTPStatus.FORBIDDEN, "foreign"))
        if session is not None or scope["path"].startswith(self._public):
            return None
        if self._policy.is_secure and scope["method"] in _SAFE:  # of a team: there is a page for it
            back = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
            return Refusal(HTTPStatus.SEE_OTHER, "sign_in", {"location": f"/login?back={quote(back, safe='')}"})
        return _denied(scope, Refusal(HTTPStatus.UNAUTHORIZED, "sign_in" if self._policy.is_secure else "no_session"))

    def _too_many(self, scope: HTTPScope, session: Session | None) -> Refusal | None:
        """Return the refusal of a request above a limit; the first of each minute is logged."""
        address = address_of(scope)
        above = self._limits.request(session.cookie if session is not None else "", address)
        if above:
            refusal = Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too_many", {"retry-after": "60"})
            return _denied(scope, refusal) if above == 1 else refusal
        locked_s = self._limits.locked_s(address) if scope["path"].startswith(_LOGINS) else 0.0
        if locked_s:
            retry = {"retry-after": str(ceil(locked_s))}
            return _denied(scope, Refusal(HTTPStatus.TOO_MANY_REQUESTS, "locked", retry))
        return None

    def _is_foreign(self, headers: Mapping[str, str]) -> bool:
        origin = headers.get("origin", "").lower()
        of_another = bool(origin) and origin not in self._origins
        return of_another or headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}


def cookie_of(headers: Mapping[str, str], name: str) -> str:
    """Return the value of a cookie, empty without one."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def address_of(scope: HTTPScope) -> str:
    """Return the address that a request comes from; behind a proxy, the one that the server took from its header."""
    client = scope["client"]
    return client[0] if client else ""


def session_of(scope: Scope) -> Session:
    """Return the session of a request that the guard has let through."""
    session = cast("dict[str, Any]", scope).get(SESSION)
    assert isinstance(session, Session)
    return session


def _denied(scope: HTTPScope, refusal: Refusal) -> Refusal:
    """Log that a request was denied: no address, account, or path with an id in it."""
    log.warning("request denied", reason=refusal.reason, status=int(refusal.status), method=scope["method"])
    return refusal


async def _refuse(send: Send, refusal: Refusal, t: Words) -> None:
    more = [(name.encode(), value.encode("latin-1")) for name, value in refusal.headers.items()]
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *more]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": t(f"fault.{refusal.reason}").encode(), "more_body": False})
