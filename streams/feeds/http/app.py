"""The application of the HTTP feed: what may be asked, by whom, and what is answered."""

import hmac
from collections.abc import Callable, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Request, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import Body, HeaderParameter
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from schemas.messages import Post, Removal
from streams.feeds.cursor import Progress
from streams.feeds.entry import MAX_ENTRY_BYTES, Entry, EntryError, post_of
from streams.feeds.http.idempotency_keys import Keys
from streams.feeds.http.inbox import AwayError, Inbox
from streams.feeds.http.problems import answer, problems
from streams.feeds.http.settings import HttpSettings
from streams.feeds.removal import RemovalEntry
from streams.telemetry import metrics

FEED = "http"
_REFUSALS = problems(
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
        description="The same key with the same request is taken once and answered the same, for a day.",
    ),
]


class Accepted(msgspec.Struct, frozen=True):
    """What was taken, in the order of the request."""

    ids: list[str]


class Desk:
    """Takes requests; made when the feed knows where it left off.

    Parameters
    ----------
    progress
        Holds the idempotency keys of the last day.
    """

    def __init__(self, settings: HttpSettings, progress: Progress) -> None:
        self._settings = settings
        self.inbox = Inbox(settings.max_waiting, settings.patience_s)
        self._keys = Keys(progress.parts, settings.key_memory_s)

    async def take(self, records: Sequence[Post | Removal], key: str | None, request: bytes) -> Accepted:
        """Return when the records are written, or were under this key before."""
        if key is not None and (known := self._keys.find(key, request)) is not None:
            if known.written is not None:
                await self.inbox.wait(known.written)
            return Accepted(known.ids)
        ids = [record.post_id if isinstance(record, Post) else record.removal_id for record in records]
        changes = {} if key is None else self._keys.changes(key, request, ids)
        written = self.inbox.put(records, changes)
        self._keys.remember(changes, written)
        await self.inbox.wait(written)
        return Accepted(ids)

    def several[T](self, entries: T | list[T]) -> list[T]:
        """Return the entries of a request.

        Raises
        ------
        EntryError
            There are none, or too many.
        """
        found = entries if isinstance(entries, list) else [entries]
        if not 0 < len(found) <= self._settings.max_records:
            raise EntryError(f"{len(found)} records; a request holds 1 to {self._settings.max_records}")
        return found


def create_app(settings: HttpSettings, desk: Desk | None = None) -> Litestar:
    """Return the application; without a desk only its OpenAPI document is of use."""

    @post("/v1/posts", status_code=HTTPStatus.ACCEPTED, responses=_REFUSALS, summary="Bring posts in")
    async def bring_posts(
        data: Annotated[Entry | list[Entry], Body(description="One post, or several that are taken together.")],
        request: Request[Any, Any, Any],
        idempotency_key: Key = None,
    ) -> Accepted:
        assert desk is not None
        posts = [_post(entry) for entry in desk.several(data)]
        return await desk.take(posts, idempotency_key, b"posts " + await request.body())

    @post("/v1/removals", status_code=HTTPStatus.ACCEPTED, responses=_REFUSALS, summary="Tell what is gone")
    async def tell_removals(
        data: Annotated[RemovalEntry | list[RemovalEntry], Body(description="One removal, or several.")],
        request: Request[Any, Any, Any],
        idempotency_key: Key = None,
    ) -> Accepted:
        assert desk is not None
        removals = [entry.to_removal() for entry in desk.several(data)]
        return await desk.take(removals, idempotency_key, b"removals " + await request.body())

    @get(
        "/ready",
        status_code=HTTPStatus.NO_CONTENT,
        opt={"open": True},
        summary="Whether the broker takes what is brought",
        security=[{}],
    )
    async def ready() -> None:
        if desk is None or desk.inbox.stuck:
            raise AwayError

    token = settings.token.get_secret_value()
    return Litestar(
        [bring_posts, tell_removals, ready],
        guards=[_json_only, _guard(token)],
        logging_config=None,
        exception_handlers={Exception: answer},
        request_max_body_size=settings.max_body_bytes,
        openapi_config=OpenAPIConfig(
            title="Jikimi's HTTP feed",
            version=version("jikimi"),
            description="Posts for Jikimi to look at, and word of what is gone.",
            components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
            security=[{"token": []}, {}],
            render_plugins=[JsonRenderPlugin()],
        ),
    )


def counted(app: ASGIApp) -> ASGIApp:
    """Return the application, each answer of which is counted by its status."""

    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                metrics.HTTP_REQUESTS.labels(message["status"]).inc()
            await send(message)

        await app(scope, receive, note)

    return count


def _post(entry: Entry) -> Post:
    raw = msgspec.json.encode(entry)
    if len(raw) > MAX_ENTRY_BYTES:
        raise HTTPException(
            f"a post holds at most {MAX_ENTRY_BYTES} bytes", status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        )
    return post_of(entry, feed=FEED, raw=raw)


def _guard(token: str) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]:
    expected = f"Bearer {token}".encode()

    def check(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        shown = connection.headers.get("authorization", "").encode()
        if token and not handler.opt.get("open") and not hmac.compare_digest(shown, expected):
            raise NotAuthorizedException("show the token", headers={"WWW-Authenticate": "Bearer"})

    return check


def _json_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse what a page in a browser could send here unasked: only of JSON would the browser ask first."""
    kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if connection.scope.get("method") == "POST" and kind != "application/json":
        raise HTTPException("Content-Type must be application/json", status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
