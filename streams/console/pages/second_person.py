"""Pages of cases that wait for their second person: the list, and the confirmation of one."""

from typing import Any
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.params import FromPath

from streams.cases.four_eyes import is_second_person
from streams.console.pages.parts import find_case
from streams.console.render import go_to
from streams.console.site import Site
from streams.console.store.cases import PAGE
from streams.console.words import RefusalError

_MAX_WHY = 500


def routes(site: Site) -> list[Any]:
    """Return the handlers; a person who may confirm every case may not read them all."""

    @get("/unconfirmed", opt={"right": "confirm"})
    async def waiting(request: Request[Any, Any, Any]) -> Response[Any]:
        n_waiting, _ = site.store.cases.count_waiting()
        return site.renderer.page(request, "unconfirmed", rows=site.store.cases.waiting(PAGE), n_waiting=n_waiting)

    @get("/cases/{case_id:str}/confirm", opt={"right": "confirm"})
    async def ask(request: Request[Any, Any, Any], case_id: FromPath[str]) -> Response[Any]:
        row = find_case(site, case_id)
        pieces = [entry.reference for entry in site.store.cases.entries(case_id) if entry.reference is not None]
        return site.renderer.page(
            request,
            "confirm",
            row=row,
            n_references=len({piece.reference_id for piece in pieces}),
            waits=site.store.cases.waits(case_id),
            is_second=is_second_person(row.opened_by, site.person(request).name),
        )

    @post("/cases/{case_id:str}/confirm", opt={"right": "confirm"})
    async def confirm(request: Request[Any, Any, Any], case_id: FromPath[str]) -> Response[Any]:
        t, form = site.renderer.words(request), await request.form()
        find_case(site, case_id)
        why = str(form.get("why", "")).strip()[:_MAX_WHY]
        if not why:
            raise RefusalError(t("second.no_reason"))
        if not site.store.cases.waits(case_id):
            raise RefusalError(t("second.confirmed"))
        await site.actions(request).confirm_case(case_id, why)
        return go_to(f"/cases/{quote(case_id, safe='')}/confirm")

    return [waiting, ask, confirm]
