"""Error responses as problem+json (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from streams.feeds.entry_error import EntryError
from streams.feeds.http.idempotency_keys import KeyReusedError
from streams.feeds.http.record_queue import BrokerUnavailableError, QueueFullError

log = structlog.get_logger()

_RESPONSES: Mapping[type[Exception], tuple[HTTPStatus, str, int | None]] = {
    QueueFullError: (HTTPStatus.TOO_MANY_REQUESTS, "too many records wait for the broker", 1),
    BrokerUnavailableError: (HTTPStatus.SERVICE_UNAVAILABLE, "the broker is unavailable, send it again", 5),
    KeyReusedError: (HTTPStatus.UNPROCESSABLE_ENTITY, "this Idempotency-Key was used for another request", None),
}
"""Status, detail, and seconds before the next attempt."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Reason for a refused request, none of which was accepted."""

    status: int
    title: str
    detail: str


def error_response(_: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Return the response to a request that raised this exception."""
    for kind, (status, detail, retry_s) in _RESPONSES.items():
        if isinstance(error, kind):
            reason = f": {error}" if str(error) else ""
            return _problem(status, detail + reason, {} if retry_s is None else {"Retry-After": str(retry_s)})
    match error:
        case ValidationException():
            status, detail = _validation_problem(error)
        case HTTPException():
            status, detail = HTTPStatus(error.status_code), error.detail
        case EntryError():
            status, detail = HTTPStatus.UNPROCESSABLE_ENTITY, str(error)
        case SerializationException() | RecursionError() | UnicodeDecodeError():
            status, detail = HTTPStatus.BAD_REQUEST, f"invalid JSON: {error}"
        case _:
            log.error("request failed", exc_info=error)
            status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, "an internal error; see the log of the feed"
    headers = getattr(error, "headers", None) or {}
    return _problem(status, detail, {name: str(value) for name, value in headers.items()})


def problem_responses(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    """Return the error responses of the OpenAPI document by status."""
    return {
        status: ResponseSpec(
            Problem, description=status.phrase, media_type="application/problem+json", generate_examples=False
        )
        for status in statuses
    }


def _validation_problem(error: ValidationException) -> tuple[HTTPStatus, str]:
    """Return status and detail: 400 for a body that is not JSON, 422 for JSON that is not a post."""
    cause = error.__cause__
    if str(cause).endswith("field `data`"):  # Litestar's name of the body
        return HTTPStatus.BAD_REQUEST, "the request has no body"
    if isinstance(cause, msgspec.ValidationError):
        return HTTPStatus.UNPROCESSABLE_ENTITY, str(cause).replace("$.data", "$")
    return HTTPStatus.BAD_REQUEST, error.detail


def _problem(status: HTTPStatus, detail: str, headers: dict[str, str]) -> Response[Problem]:
    content = Problem(status, status.phrase, detail)
    return Response(content, status_code=status, media_type="application/problem+json", headers=headers)
