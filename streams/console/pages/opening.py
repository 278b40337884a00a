"""Pages of a case being opened: the form, its progress, the last question."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, get_args

from litestar import Request, Response, get, post
from litestar.datastructures import FormMultiDict, UploadFile
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import ServerSentEvent, ServerSentEventMessage

from schemas.messages import CaseKind
from streams.console.opening import Opening
from streams.console.openings import BusyError, new_draft
from streams.console.render import go_to
from streams.console.site import Site
from streams.console.uploads import MAX_FILES, MAX_UPLOAD_BYTES
from streams.console.words import RefusalError, Words
from streams.desk.new_case import NewCase

KINDS: tuple[CaseKind, ...] = get_args(CaseKind)
_MAX_LINES, _MAX_TEXT, _MAX_DRAFT = 200, 500, 64
_TICK_S, _MAX_TICKS = 1.0, 3600


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @get("/open", opt={"right": "open"})
    async def form(request: Request[Any, Any, Any]) -> Response[Any]:
        return site.renderer.page(
            request,
            "open",
            draft=new_draft(),
            kinds=KINDS,
            most=MAX_UPLOAD_BYTES,
            running=site.openings.running(site.person(request)),
        )

    @post("/open", opt={"right": "open"}, request_max_body_size=MAX_UPLOAD_BYTES)
    async def begin(request: Request[Any, Any, Any]) -> Response[Any]:
        sent = await request.form()
        opening = await begin_opening(site, request, sent, _new_case(sent))
        return go_to(f"/open/{opening.opening_id}")

    @get("/open/{opening_id:str}", opt={"right": "open"})
    async def progress(request: Request[Any, Any, Any], opening_id: FromPath[str]) -> Response[Any]:
        return site.renderer.page(request, "opening", opening=_find(site, request, opening_id))

    @get("/open/{opening_id:str}/events", opt={"right": "open"})
    async def events(request: Request[Any, Any, Any], opening_id: FromPath[str]) -> ServerSentEvent:
        opening = _find(site, request, opening_id)
        return ServerSentEvent(_bars(opening, lambda: site.renderer.fragment(request, "bars", opening=opening)))

    @post("/open/{opening_id:str}", opt={"right": "open"})
    async def answer(request: Request[Any, Any, Any], opening_id: FromPath[str]) -> Response[Any]:
        opening, sent = _find(site, request, opening_id), await request.form()
        if not opening.answer(wanted=sent.get("answer") == "yes"):
            raise RefusalError(site.renderer.words(request)("open.answered"))
        return go_to(f"/open/{opening.opening_id}")

    return [form, begin, progress, events, answer]


async def begin_opening(site: Site, request: Request[Any, Any, Any], sent: FormMultiDict, new: NewCase) -> Opening:
    """Begin to describe what a form holds; the same form again begins nothing.

    Raises
    ------
    UsageError
        It is empty or holds too much, too many forms are under way, or the disk is full.
    """
    t = site.renderer.words(request)
    draft = str(sent.get("draft", ""))[:_MAX_DRAFT] or new_draft()
    files = [one for one in sent.getall("files", []) if isinstance(one, UploadFile) and one.filename]
    try:
        _refuse(t, new, len(files))
        return await site.openings.begin(draft, new, files, site.person(request))
    except BusyError:
        raise RefusalError(t("open.busy")) from None
    except OSError:
        raise RefusalError(t("open.disk")) from None
    finally:
        for file in files:
            await file.close()


def _refuse(t: Words, new: NewCase, n_files: int) -> None:
    if not new.name.strip():
        raise RefusalError(t("open.no_name"))
    if not (n_files or new.terms or new.phrases):
        raise RefusalError(t("open.nothing"))
    if n_files > MAX_FILES:
        raise RefusalError(t("open.too_many_files", n=MAX_FILES))
    if max(len(new.terms), len(new.phrases)) > _MAX_LINES:
        raise RefusalError(t("open.too_many_lines", n=_MAX_LINES))


async def _bars(opening: Opening, html: Callable[[], str]) -> AsyncIterator[ServerSentEventMessage]:
    for _ in range(_MAX_TICKS):
        if opening.stage not in {"describing", "writing"}:
            yield ServerSentEventMessage(data="", event="done")
            return
        yield ServerSentEventMessage(data=html(), event="figures")
        await asyncio.sleep(_TICK_S)


def _find(site: Site, request: Request[Any, Any, Any], opening_id: str) -> Opening:
    if (opening := site.openings.find(opening_id, site.person(request))) is None:
        raise NotFoundException
    return opening


def _new_case(sent: FormMultiDict) -> NewCase:
    kind = str(sent.get("kind", ""))
    return NewCase(
        str(sent.get("name", ""))[:_MAX_TEXT],
        (),
        lines(sent, "terms"),
        lines(sent, "phrases"),
        kind=kind if kind in KINDS else "shared_without_consent",
        minor=sent.get("minor") == "on",
        authority=str(sent.get("authority", ""))[:_MAX_TEXT],
        approve=sent.get("approve") == "on",
    )


def lines(sent: FormMultiDict, name: str) -> list[str]:
    """Return the lines of a field that are not empty."""
    found = (line.strip() for line in str(sent.get(name, "")).splitlines())
    return [line for line in found if line]
