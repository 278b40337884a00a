"""The console's web application."""

from http import HTTPStatus
from importlib.resources import files
from typing import Any

import structlog
from litestar import Litestar, Request, Response, get, post
from litestar.enums import MediaType
from litestar.exceptions import HTTPException, NotFoundException, PermissionDeniedException
from litestar.params import FromPath

from streams.console.guard import address_of, session_of
from streams.console.pages import (
    cases,
    checks,
    dead_letters,
    erasures,
    extending,
    live,
    login,
    opening,
    quarantine,
    reviews,
    search,
    second_person,
    takedown,
    takedowns,
)
from streams.console.render import go_to, safe_path
from streams.console.scope import NoRightError, require_route
from streams.console.site import Site
from streams.console.words import RefusalError, languages
from streams.errors import TransientError, UsageError
from streams.rights.table import MACHINE

log = structlog.get_logger()

MAX_FORM_BYTES = 256 * 1024
_STATIC = files("streams.console").joinpath("static")
_KINDS = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}


def create_app(site: Site) -> Litestar:
    """Return the application, to be served behind the guard."""

    def refuse(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        return error_page(site, request, error)

    async def check(request: Request[Any, Any, Any]) -> None:
        await check_request(site, request)

    return Litestar(
        [
            *_entrance(site),
            *_preferences(),
            *(login.routes(site, site.login) if site.login is not None else ()),
            *cases.routes(site),
            *checks.routes(site),
            *second_person.routes(site),
            *opening.routes(site),
            *extending.routes(site),
            *erasures.routes(site),
            *search.routes(site),
            *reviews.routes(site),
            *takedowns.routes(site),
            *takedown.routes(site),
            *quarantine.routes(site),
            *live.routes(site),
            *dead_letters.routes(site),
        ],
        before_request=check,
        exception_handlers={Exception: refuse},
        logging_config=None,
        openapi_config=None,
        request_max_body_size=MAX_FORM_BYTES,
    )


async def check_request(site: Site, request: Request[Any, Any, Any]) -> None:
    """Refuse what the person has no right to, and a form without the token of its session."""
    await require_route(site.person(request), site.store, request)
    if request.method == "POST":
        form = await request.form()
        if not session_of(request.scope).owns(str(form.get("token", ""))):
            raise PermissionDeniedException


def _entrance(site: Site) -> list[Any]:
    @get("/enter/{link:str}", opt={"right": MACHINE})
    async def enter(request: Request[Any, Any, Any], link: FromPath[str]) -> Response[Any]:
        cookie = site.sessions.enter(link)
        if cookie is None:
            site.limits.failed(address_of(request.scope))
            sentence = site.renderer.words(request)("fault.link_used")
            return Response(sentence, status_code=HTTPStatus.FORBIDDEN, media_type=MediaType.TEXT)
        opened = go_to("/")
        site.sessions.set_cookie(opened, cookie)
        return opened

    @post("/leave", opt={"right": "check"})
    async def leave(request: Request[Any, Any, Any]) -> Response[Any]:
        site.leases.end_all(site.person(request).name)
        site.sessions.end(session_of(request.scope))
        if site.login is not None:
            return go_to("/login")
        return Response(site.renderer.words(request)("session.left"), media_type=MediaType.TEXT)

    @get("/static/{name:str}", opt={"right": MACHINE})
    async def static(name: FromPath[str]) -> Response[bytes]:
        if name not in _KINDS:
            raise NotFoundException
        headers = {"cache-control": "max-age=3600"}
        return Response(_STATIC.joinpath(name).read_bytes(), media_type=_KINDS[name], headers=headers)

    return [enter, leave, static]


def _preferences() -> list[Any]:
    @post("/language", opt={"right": "check"})
    async def choose_language(request: Request[Any, Any, Any]) -> Response[Any]:
        form = await request.form()
        if form.get("language") in languages():
            session_of(request.scope).language = str(form["language"])
        return go_to(safe_path(str(form.get("back", "/"))))

    @post("/keys", opt={"right": "check"})
    async def choose_keys(request: Request[Any, Any, Any]) -> Response[Any]:
        form = await request.form()
        session_of(request.scope).keys = form.get("keys") == "on"
        return go_to(safe_path(str(form.get("back", "/"))))

    return [choose_language, choose_keys]


def error_page(site: Site, request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Return a page that says in one sentence what went wrong and what to do."""
    detail = ""
    match error:
        case NoRightError():
            log.warning("request denied", reason="right", status=403, method=request.method, route=_route(request))
            status, key, detail = HTTPStatus.FORBIDDEN, "fault.right", str(error)
        case RefusalError():
            status, key, detail = HTTPStatus.CONFLICT, "", str(error)
        case UsageError():
            status, key, detail = HTTPStatus.CONFLICT, "fault.refused", str(error)
        case TimeoutError():
            status, key = HTTPStatus.ACCEPTED, "fault.not_read_yet"
        case TransientError(reason="login_unavailable"):
            status, key, detail = HTTPStatus.SERVICE_UNAVAILABLE, "login.unavailable", error.detail
        case TransientError():
            status, key, detail = HTTPStatus.SERVICE_UNAVAILABLE, "fault.broker", error.detail
        case PermissionDeniedException():
            status, key = HTTPStatus.FORBIDDEN, "fault.stale_form"
        case HTTPException():
            status = HTTPStatus(error.status_code)
            is_large = status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            missing = status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
            key = "fault.not_found" if missing else "fault.too_large" if is_large else "fault.bad_request"
        case _:
            log.error("page failed", path=request.url.path, exc_info=error)
            status, key = HTTPStatus.INTERNAL_SERVER_ERROR, "fault.bug"
    return site.renderer.page(request, "fault", status, key=key, detail=detail)


def _route(request: Request[Any, Any, Any]) -> str:
    """Return the pattern of a request's route, in which no id stands."""
    return min(request.route_handler.paths)
