"""Pages of an open case that gets further files and terms: the form; its progress is that of an opening."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from streams.console.openings import new_draft
from streams.console.pages.opening import begin_opening, lines
from streams.console.pages.parts import find_case
from streams.console.render import go_to
from streams.console.scope import of_case
from streams.console.site import Site
from streams.console.uploads import MAX_UPLOAD_BYTES
from streams.desk.new_case import NewCase


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @get("/cases/{case_id:str}/extend", opt={"right": "extend", "owner": of_case})
    async def form(request: Request[Any, Any, Any], case_id: FromPath[str]) -> Response[Any]:
        row = find_case(site, case_id, is_victims=True)
        return site.renderer.page(
            request,
            "extend",
            row=row,
            draft=new_draft(),
            most=MAX_UPLOAD_BYTES,
            running=[one for one in site.openings.running(site.person(request)) if one.extends == case_id],
        )

    @post(
        "/cases/{case_id:str}/extend",
        opt={"right": "extend", "owner": of_case},
        request_max_body_size=MAX_UPLOAD_BYTES,
    )
    async def begin(request: Request[Any, Any, Any], case_id: FromPath[str]) -> Response[Any]:
        row, sent = find_case(site, case_id, is_victims=True), await request.form()
        new = NewCase(row.name, (), lines(sent, "terms"), lines(sent, "phrases"), case_id=case_id)
        opening = await begin_opening(site, request, sent, new)
        return go_to(f"/open/{opening.opening_id}")

    return [form, begin]
