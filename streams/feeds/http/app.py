"""Web application of the HTTP feed: endpoints, authorization and responses."""

from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Request, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import Body, HeaderParameter
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from schemas.messages import Post
from streams.feeds.entry import ALT, MAX_ENTRY_BYTES, Entry, EntryMedium, post_of
from streams.feeds.entry_error import EntryError
from streams.feeds.guard import Refusal, guarded
from streams.feeds.http.ingestor import Accepted, Ingestor
from streams.feeds.http.problems import error_response, problem_responses
from streams.feeds.http.record_queue import BrokerUnavailableError
from streams.feeds.http.settings import HttpSettings
from streams.feeds.http.token import token_guard
from streams.feeds.notes import Notes
from streams.feeds.removal import RemovalEntry
from streams.rights.table import MACHINE
from streams.telemetry import metrics

FEED = "http"
_ERRORS = problem_responses(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)

Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A request repeated with the same key is accepted once and answered the same, for a day. Another "
        "request with it is refused.",
    ),
]

_POSTS = "One post, or a list, accepted as a whole. A post needs media, a caption or tags; `alt` belongs to a medium."
_REMOVALS = "One removal, or a list. A `post_deleted` needs its `url`, an account its `author`; all need a `platform`."

_SCHEMES = {
    "token": SecurityScheme(type="http", scheme="bearer", description="JIKIMI_HTTP_TOKEN: whoever submits."),
    "platform": SecurityScheme(type="http", scheme="bearer", description="A platform's own: its `reader_secret`."),
}


def create_app(
    settings: HttpSettings, ingestor: Ingestor | None = None, routes: Sequence[HTTPRouteHandler] = ()
) -> Litestar:
    """Return the application; without an ingestor it serves only to make its OpenAPI document.

    Parameters
    ----------
    routes
        Further ones, with tokens of their own: of rooms above.
    """
    token = settings.token.get_secret_value()
    app = Litestar(
        [*_submissions(settings, ingestor), *routes],
        guards=[_json_only, token_guard(token)],
        logging_config=None,
        exception_handlers={Exception: error_response},
        request_max_body_size=settings.max_body_bytes,
        openapi_config=_openapi_config(),
    )
    closed = [kind for route in routes for kind in route.opt.get("closed", ())]
    for kind in (Entry, EntryMedium, RemovalEntry, *closed):  # Litestar does not show that they refuse other fields
        app.openapi_schema.components.schemas[kind.__name__].additional_properties = False
    return app


def _submissions(settings: HttpSettings, ingestor: Ingestor | None) -> list[HTTPRouteHandler]:
    # JSON Schema applies them to lists alone.
    limits = {"min_items": 1, "max_items": settings.max_records}

    @post(
        "/v1/posts", status_code=HTTPStatus.ACCEPTED, responses=_ERRORS, opt={"right": MACHINE}, summary="Submit posts"
    )
    async def submit_posts(
        data: Annotated[Entry | list[Entry], Body(description=_POSTS, schema_extra=limits)],
        request: Request[Any, Any, Any],
        idempotency_key: Key = None,
    ) -> Accepted:
        assert ingestor is not None
        posts = [_guarded(partial(_post, entry, _json(entry))) for entry in ingestor.as_list(data)]
        return await ingestor.ingest(posts, idempotency_key, b"posts " + await request.body())

    @post(
        "/v1/removals",
        status_code=HTTPStatus.ACCEPTED,
        responses=_ERRORS,
        opt={"right": MACHINE},
        summary="Submit removals",
    )
    async def submit_removals(
        data: Annotated[RemovalEntry | list[RemovalEntry], Body(description=_REMOVALS, schema_extra=limits)],
        request: Request[Any, Any, Any],
        idempotency_key: Key = None,
    ) -> Accepted:
        assert ingestor is not None
        entries = [entry for entry in ingestor.as_list(data) if _json(entry)]
        removals = [_guarded(entry.to_removal) for entry in entries]
        return await ingestor.ingest(removals, idempotency_key, b"removals " + await request.body())

    @get(
        "/ready",
        status_code=HTTPStatus.NO_CONTENT,
        opt={"open": True, "right": MACHINE},
        summary="Whether the broker accepts records",
        security=[{}],
    )
    async def ready() -> None:
        if ingestor is None:
            raise BrokerUnavailableError
        ingestor.queue.check()

    return [submit_posts, submit_removals, ready]


def _openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Jikimi's HTTP feed",
        version=version("jikimi"),
        description="Submission of posts and removals, and the takedowns that are requested from a platform.",
        components=Components(security_schemes=dict(_SCHEMES)),
        security=[{"token": []}, {}],
        render_plugins=[JsonRenderPlugin()],
    )


def count_responses(app: ASGIApp) -> ASGIApp:
    """Return the application with its responses counted by status."""

    async def counting_app(scope: Scope, receive: Receive, send: Send) -> None:
        async def counting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                metrics.HTTP_REQUESTS.labels(message["status"]).inc()
            await send(message)

        await app(scope, receive, counting_send)

    return counting_app


def _guarded[T](read: Callable[[], T]) -> T:
    """Return the record of an entry; one that cannot be read is refused, because the client still has it."""

    def refused(refusal: Refusal) -> T:
        raise EntryError(refusal.detail)

    return guarded(FEED, read, refused)


def _post(entry: Entry, raw: bytes) -> Post:
    if entry.alt:
        raise EntryError(ALT)
    return post_of(entry, feed=FEED, raw=raw, notes=Notes())


def _json(entry: Entry | RemovalEntry) -> bytes:
    """Return an entry in JSON, unless it is too large."""
    raw = msgspec.json.encode(entry)
    if len(raw) > MAX_ENTRY_BYTES:
        raise HTTPException(
            f"a post or a removal holds at most {MAX_ENTRY_BYTES} bytes",
            status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        )
    return raw


def _json_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse content types that a page in a browser may send without a CORS preflight, which JSON requires."""
    kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if connection.scope.get("method") == "POST" and kind != "application/json":
        raise HTTPException("Content-Type must be application/json", status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
