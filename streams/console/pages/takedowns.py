"""Page of takedowns by due time: filters, and the views that a person has saved."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get, post

from streams.console.pages.parts import cursor, next_page
from streams.console.render import go_to, local_url
from streams.console.scope import of_listed
from streams.console.site import AnyRequest, Site
from streams.console.store.counts import STATES
from streams.console.store.takedowns import PAGE, Filter
from streams.console.views import MAX_NAME, MAX_VIEWS, View, Views

_FILTERS = ("state", "case", "platform", "overdue")
_MAX_TEXT = 100
_READY: Mapping[str, Mapping[str, str]] = {
    "overdue": {"overdue": "1"},
    "held": {"state": "held"},
    "refused": {"state": "refused"},
    "reappeared": {"state": "reappeared"},
}
"""Views that everybody has."""


def routes(site: Site) -> list[Any]:
    """Return the handlers."""
    views = Views(site.settings)

    @get("/takedowns", opt={"right": "read", "owner": of_listed})
    async def page(request: Request[Any, Any, Any]) -> Response[Any]:
        mine = views.of(site.person(request).name)
        values: dict[str, Any] = {
            "views": mine,
            "ready": _READY,
            "max_name": MAX_NAME,
            "may_save": len(mine) < MAX_VIEWS,
        }
        return site.renderer.page(request, "takedowns", **_list(site, request), **values)

    @post("/views", opt={"right": "read", "owner": of_listed})
    async def save(request: Request[Any, Any, Any]) -> Response[Any]:
        form = await request.form()
        view = View(str(form.get("name", "")).strip()[:MAX_NAME], filters_of(form))
        if view.name:
            views.save(site.person(request).name, view)
        return go_to(local_url("/takedowns", **view.filters))

    @post("/views/remove", opt={"right": "read", "owner": of_listed})
    async def remove(request: Request[Any, Any, Any]) -> Response[Any]:
        form = await request.form()
        views.remove(site.person(request).name, str(form.get("name", "")))
        return go_to("/takedowns")

    return [page, save, remove]


def filters_of(sent: Mapping[str, Any]) -> dict[str, str]:
    """Return the filters of a query or a form that are known, without those that accept any."""
    found = {name: str(sent.get(name) or "").strip()[:_MAX_TEXT] for name in _FILTERS}
    found["state"] = found["state"] if found["state"] in STATES else ""
    found["overdue"] = found["overdue"] if found["overdue"] == "1" else ""
    return {name: value for name, value in found.items() if value}


def _list(site: Site, request: AnyRequest) -> dict[str, Any]:
    now_s, owner = datetime.now(UTC).timestamp(), site.owner(request, "read")
    filters = filters_of(request.query_params)
    chosen = Filter(
        case_id=filters.get("case"),
        state=filters.get("state"),
        platform=filters.get("platform"),
        overdue_at_s=now_s if "overdue" in filters else None,
        owner=owner,
    )
    site.store.counts.pass_time(now_s)
    rows = site.store.takedowns.page(chosen, cursor(request.query_params.get("after")), PAGE + 1)
    names = {row.last.case_id: case.name for row in rows if (case := site.store.cases.find(row.last.case_id))}
    return {
        "rows": rows[:PAGE],
        "next": next_page(rows, PAGE),
        "names": names,
        "filters": filters,
        "counts": site.store.counts.of_all(owner),
        "states": STATES,
    }
