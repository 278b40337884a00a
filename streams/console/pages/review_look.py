"""One picture of a job, if a person insists: blurred as it is stored, for ten seconds, counted and on record."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from streams.console.pages.review_job import find_job, job_address
from streams.console.pages.reviewer import reviewer_of
from streams.console.scope import first_values, of_job, of_listed
from streams.console.shown_once import SHOWN_S
from streams.console.site import Site
from streams.console.words import RefusalError


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @get("/review/look", opt={"right": "review", "owner": of_job})
    async def ask(request: Request[Any, Any, Any]) -> Response[Any]:
        return _page(site, request, first_values(request.query_params), "")

    @post("/review/look", opt={"right": "review", "owner": of_job})
    async def look(request: Request[Any, Any, Any]) -> Response[Any]:
        sent, account = first_values(await request.form()), reviewer_of(site, request).account
        job, entries = find_job(site, sent), site.store.cases.entries(sent.get("case", ""))
        jpeg = await site.actions(request).thumbnail(job.verdict, _number(sent), entries)
        if jpeg is None:
            raise RefusalError(site.renderer.words(request)("look.none"))
        site.wellbeing.expose(account)
        shown = _page(site, request, sent, site.shown.keep(account, jpeg))
        shown.headers["refresh"] = f"{SHOWN_S:.0f}; url={job_address(job)}"  # without scripts too
        return shown

    @get("/review/picture/{name:str}", opt={"right": "review", "owner": of_listed})
    async def picture(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        jpeg = site.shown.fetch(reviewer_of(site, request).account, name)
        if jpeg is None:
            raise NotFoundException
        return Response(jpeg, media_type="image/jpeg")

    return [ask, look, picture]


def _page(site: Site, request: Request[Any, Any, Any], sent: dict[str, str], picture: str) -> Response[Any]:
    job = find_job(site, sent)
    return site.renderer.page(
        request,
        "look",
        job=job,
        address=job_address,
        number=_number(sent),
        picture=picture,
        seconds=round(SHOWN_S),
        exposures=site.wellbeing.exposures(reviewer_of(site, request).account),
    )


def _number(sent: dict[str, str]) -> int:
    """Return the number of the piece of evidence that a query or a form names."""
    text = sent.get("match", "")
    if not text.isdecimal() or len(text) > 3:  # noqa: PLR2004 - no verdict has a thousand pieces
        raise NotFoundException
    return int(text)
