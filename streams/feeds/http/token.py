"""Token with which programs may use an HTTP service, and the rule of when one is needed."""

import hmac
from collections.abc import Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler

from streams.errors import UsageError
from streams.feeds.http.server import is_loopback

_MIN_TOKEN_LENGTH = 16


def check_token(token: str, host: str) -> None:
    """Raise a `UsageError` if the token is too short, or is missing where other machines can connect."""
    if token and len(token) < _MIN_TOKEN_LENGTH:
        raise UsageError(f"JIKIMI_HTTP_TOKEN needs {_MIN_TOKEN_LENGTH} characters or more")
    if not token and not is_loopback(host):
        raise UsageError(f"other machines can connect to {host}: set JIKIMI_HTTP_TOKEN, or listen on 127.0.0.1")


def token_guard(token: str) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]:
    """Return a guard that requires the token, if there is one, except on routes that are open or have their own."""
    expected = f"Bearer {token}".encode()

    def check(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        given = connection.headers.get("authorization", "").encode()
        is_exempt = handler.opt.get("open") or handler.opt.get("own_token")
        if token and not is_exempt and not hmac.compare_digest(given, expected):
            raise NotAuthorizedException("the token is missing or wrong", headers={"WWW-Authenticate": "Bearer"})

    return check
