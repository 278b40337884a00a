"""Web application of the answers of platforms: POST /v1/answers/{platform}, signed as Standard Webhooks."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import ClientException, HTTPException, NotAuthorizedException, NotFoundException
from litestar.params import FromPath

from schemas.messages import Delivery
from streams.delivery.answers.platform_answer import PlatformAnswer
from streams.delivery.answers.verification import AnswerError, Verification
from streams.feeds.http.problems import error_response
from streams.rights.table import MACHINE
from streams.telemetry import metrics

log = structlog.get_logger()

MAX_BODY_BYTES = 64 * 1024
type Write = Callable[[Delivery], Awaitable[None]]


class Answered(msgspec.Struct, frozen=True):
    """Id of the record of an accepted answer."""

    delivery_id: str


def create_app(verification: Verification, write: Write) -> Litestar:
    """Return the application.

    Parameters
    ----------
    write
        Returns once an answer is durable.
    """

    @post("/v1/answers/{platform:str}", status_code=HTTPStatus.ACCEPTED, opt={"right": MACHINE})
    async def accept_answer(platform: FromPath[str], request: Request[Any, Any, Any]) -> Answered:
        body, headers = await request.body(), {name.lower(): value for name, value in request.headers.items()}
        webhook_id = _check(verification, platform, headers, body)
        delivery = _decode(body).to_delivery(platform, webhook_id, datetime.now(UTC))
        if not verification.is_accepted(platform, webhook_id):  # else its sender did not get our response
            await write(delivery)
        verification.accept(platform, headers)
        metrics.ANSWERS.labels("webhook", "accepted").inc()
        return Answered(delivery.delivery_id)

    @get("/ready", status_code=HTTPStatus.NO_CONTENT, opt={"right": MACHINE})
    async def ready() -> None:
        pass

    return Litestar(
        [accept_answer, ready],
        logging_config=None,
        exception_handlers={Exception: _counted_response},
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
    )


def _check(verification: Verification, platform: str, headers: dict[str, str], body: bytes) -> str:
    if platform not in verification:
        raise NotFoundException("no platform of this name answers here")
    try:
        return verification.check(platform, headers, body)
    except AnswerError as error:
        metrics.ANSWERS.labels("webhook", error.fault).inc()
        log.warning("answer refused", platform=platform, fault=error.fault, error=str(error))
        if error.fault == "replayed":
            raise HTTPException(str(error), status_code=HTTPStatus.CONFLICT) from error
        raise NotAuthorizedException(str(error)) from error


def _decode(body: bytes) -> PlatformAnswer:
    try:
        return msgspec.json.decode(body, type=PlatformAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        metrics.ANSWERS.labels("webhook", "malformed").inc()
        raise ClientException(str(error), status_code=HTTPStatus.UNPROCESSABLE_ENTITY) from error


def _counted_response(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    response = error_response(request, error)
    if response.status_code in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        metrics.ANSWERS.labels("webhook", "unavailable").inc()
    return response
