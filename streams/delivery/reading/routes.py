"""Routes of platforms on the HTTP feed's server: GET /v1/takedowns, POST /v1/takedowns/{id}/outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import Body, PathParameter, QueryParameter
from msgspec import Meta

from schemas.ids import record_id
from streams.delivery.answers.app import Answered, Write
from streams.delivery.answers.platform_answer import TAKEDOWN_ID, TAKEDOWN_ID_LENGTH, PlatformAnswer
from streams.delivery.answers.writer import DeliveryWriter
from streams.delivery.platforms.registry import Registry, load_registry
from streams.delivery.reading.log import TakedownPages
from streams.delivery.reading.page import CURSOR, MAX_TAKEDOWNS, TakedownPage, shown
from streams.delivery.reading.tokens import PlatformTokens, platform_tokens
from streams.feeds.entry_error import EntryError
from streams.feeds.http.problems import problem_responses
from streams.rights.table import MACHINE
from streams.settings import Settings
from streams.telemetry import metrics

_ERRORS = problem_responses(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_POST_ERRORS = _ERRORS | problem_responses(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
_SECURITY: list[dict[str, list[str]]] = [{"platform": []}]

After = Annotated[
    str | None,
    QueryParameter(
        name="after",
        pattern=CURSOR,
        description="Cursor: the `next` of an earlier page. Left out: from the beginning.",
    ),
]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=MAX_TAKEDOWNS, description="Most events of the page.")]
TakedownId = Annotated[
    str, PathParameter(pattern=TAKEDOWN_ID, max_length=TAKEDOWN_ID_LENGTH, description="Of the request.")
]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a platform did about a request."""

    outcome: Annotated[
        Literal["removed", "gone", "refused"],
        Meta(
            description="removed by the platform; gone before it could be; or refused, with a reason. A removal counts "
            "when a look at the post finds it gone."
        ),
    ]
    reason: Annotated[
        str, Meta(max_length=2_000, description="Why it is refused, and where to object; required then.")
    ] = ""


@dataclass(frozen=True, slots=True)
class PlatformAccess:
    """What the routes need: who reads, what of, and where outcomes go."""

    tokens: PlatformTokens
    registry: Registry
    pages: TakedownPages
    write: Write


def platform_access(settings: Settings) -> PlatformAccess | None:
    """Return the access of the platforms that have a `reader_secret`, None if none has; raises UsageError."""
    registry = load_registry(settings.delivery.platforms)
    if not (tokens := platform_tokens(settings, registry)):
        return None
    return PlatformAccess(tokens, registry, TakedownPages(settings), DeliveryWriter(settings).write)


def platform_routes(access: PlatformAccess | None) -> Sequence[HTTPRouteHandler]:
    """Return the routes; without access they serve only to make the OpenAPI document, and refuse every token."""

    def platform_of(request: Request[Any, Any, Any]) -> str:
        tokens = access.tokens if access is not None else PlatformTokens({})
        return tokens.platform(request.headers.get("authorization", ""))

    @get(
        "/v1/takedowns",
        responses=_ERRORS,
        opt={"own_token": True, "right": MACHINE},
        security=_SECURITY,
        summary="Read takedowns",
    )
    async def read_takedowns(request: Request[Any, Any, Any], after: After = None, limit: Limit = 100) -> TakedownPage:
        platform = platform_of(request)
        assert access is not None
        return await access.pages.page(after, limit, partial(shown, registry=access.registry, platform=platform))

    @post(
        "/v1/takedowns/{takedown_id:str}/outcome",
        status_code=HTTPStatus.ACCEPTED,
        responses=_POST_ERRORS,
        opt={"own_token": True, "right": MACHINE, "closed": (Outcome,)},
        security=_SECURITY,
        summary="Report an outcome",
    )
    async def report_outcome(
        takedown_id: TakedownId,
        data: Annotated[Outcome, Body(description="Repeated, it changes nothing more.")],
        request: Request[Any, Any, Any],
    ) -> Answered:
        platform = platform_of(request)
        assert access is not None
        delivery = _answer(takedown_id, data).to_delivery(platform, _id(takedown_id, data), datetime.now(UTC))
        await access.write(delivery)
        metrics.ANSWERS.labels("outcome", "accepted").inc()
        return Answered(delivery.delivery_id)

    return [read_takedowns, report_outcome]


def _answer(takedown_id: str, reported: Outcome) -> PlatformAnswer:
    """Return the answer that `jikimi answers` would get of the same platform."""
    if reported.outcome == "refused" and not reported.reason.strip():
        raise EntryError("refused needs a reason")
    kind: Literal["refused", "removed"] = "refused" if reported.outcome == "refused" else "removed"
    return PlatformAnswer(takedown_id=takedown_id, outcome=kind, reason=reported.reason)


def _id(takedown_id: str, reported: Outcome) -> str:
    """Return the id of an outcome, in place of a webhook's: the same when it is repeated."""
    return record_id("outcome", takedown_id, reported.outcome, reported.reason)
