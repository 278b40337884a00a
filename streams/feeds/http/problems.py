"""Every answer that is no success, as problem+json (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from streams.feeds.entry import EntryError
from streams.feeds.http.idempotency_keys import ReusedError
from streams.feeds.http.inbox import AwayError, FullError

log = structlog.get_logger()

_SAID: Mapping[type[Exception], tuple[HTTPStatus, str, int | None]] = {
    FullError: (HTTPStatus.TOO_MANY_REQUESTS, "too much waits for the broker", 1),
    AwayError: (HTTPStatus.SERVICE_UNAVAILABLE, "the broker does not take it now; send it again", 5),
    ReusedError: (HTTPStatus.UNPROCESSABLE_ENTITY, "this Idempotency-Key was used for another request", None),
}
"""Status, words, and seconds to wait before the next try."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request was refused; nothing of it was taken."""

    status: int
    title: str
    detail: str


def answer(_: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Return the answer to a request that raised this."""
    for kind, (status, words, retry_s) in _SAID.items():
        if isinstance(error, kind):
            return _problem(status, words, {} if retry_s is None else {"Retry-After": str(retry_s)})
    match error:
        case ValidationException():
            status, detail = _misfit(error)
        case HTTPException():
            status, detail = HTTPStatus(error.status_code), error.detail
        case EntryError():
            status, detail = HTTPStatus.UNPROCESSABLE_ENTITY, str(error)
        case SerializationException() | RecursionError() | UnicodeDecodeError():
            status, detail = HTTPStatus.BAD_REQUEST, f"no JSON: {error}"
        case _:
            log.error("request failed", exc_info=error)
            status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, "a bug here; the log tells more"
    headers = getattr(error, "headers", None) or {}
    return _problem(status, detail, {name: str(value) for name, value in headers.items()})


def problems(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    """Return these answers for the OpenAPI document."""
    return {
        status: ResponseSpec(
            Problem, description=status.phrase, media_type="application/problem+json", generate_examples=False
        )
        for status in statuses
    }


def _misfit(error: ValidationException) -> tuple[HTTPStatus, str]:
    """Tell a body that is no JSON from JSON that is no post."""
    cause = error.__cause__
    if str(cause).endswith("field `data`"):  # as Litestar calls the body
        return HTTPStatus.BAD_REQUEST, "the request has no body"
    if isinstance(cause, msgspec.ValidationError):
        return HTTPStatus.UNPROCESSABLE_ENTITY, str(cause).replace("$.data", "$")
    return HTTPStatus.BAD_REQUEST, error.detail


def _problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Response[Problem]:
    content = Problem(status, status.phrase, detail)
    return Response(content, status_code=status, media_type="application/problem+json", headers=dict(headers or {}))
