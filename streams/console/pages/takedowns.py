"""Pages of takedowns: by state and due time, and one with its history."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from schemas.messages import Delivery
from streams.console.pages.parts import cursor, next_page, shown_matches
from streams.console.render import go_to
from streams.console.scope import of_listed, of_takedown
from streams.console.site import Site
from streams.console.store.counts import STATES
from streams.console.store.takedowns import PAGE, Filter
from streams.desk.case_report import Step
from streams.takedown.life import PENDING

_MAX_TEXT = 100


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @get("/takedowns", opt={"right": "read", "owner": of_listed})
    async def page(request: Request[Any, Any, Any]) -> Response[Any]:
        return site.renderer.page(request, "takedowns", **_list(site, request))

    @get("/takedowns/{takedown_id:str}", opt={"right": "read", "owner": of_takedown})
    async def one(request: Request[Any, Any, Any], takedown_id: FromPath[str]) -> Response[Any]:
        return site.renderer.page(request, "takedown", **_takedown(site, request, takedown_id))

    @post("/takedowns/{takedown_id:str}/approve", opt={"right": "send", "owner": of_takedown})
    async def approve(request: Request[Any, Any, Any], takedown_id: FromPath[str]) -> Response[Any]:
        form = await request.form()
        await site.actions(request).approve(takedown_id, str(form.get("why", ""))[:1000])
        return go_to(f"/takedowns/{takedown_id}")

    return [page, one, approve]


def _in_order(states: Sequence[Step], steps: Sequence[Delivery]) -> list[Step | Delivery]:
    both: list[Step | Delivery] = [*states, *steps]
    return sorted(both, key=lambda one: one.at)


def _list(site: Site, request: Request[Any, Any, Any]) -> dict[str, Any]:
    now_s, owner = datetime.now(UTC).timestamp(), site.owner(request, "read")
    state = request.query_params.get("state")
    platform = (request.query_params.get("platform") or "")[:_MAX_TEXT] or None
    is_overdue = request.query_params.get("overdue") == "1"
    chosen = Filter(
        state=state if state in STATES else None,
        platform=platform,
        overdue_at_s=now_s if is_overdue else None,
        owner=owner,
    )
    site.store.counts.pass_time(now_s)
    rows = site.store.takedowns.page(chosen, cursor(request.query_params.get("after")), PAGE + 1)
    names = {row.last.case_id: case.name for row in rows if (case := site.store.cases.find(row.last.case_id))}
    return {
        "rows": rows[:PAGE],
        "next": next_page(rows, PAGE),
        "names": names,
        "chosen": chosen,
        "is_overdue": is_overdue,
        "counts": site.store.counts.of_all(owner),
        "states": STATES,
    }


def _takedown(site: Site, request: Request[Any, Any, Any], takedown_id: str) -> dict[str, Any]:
    row = site.store.takedowns.find(takedown_id)
    if row is None:
        raise NotFoundException
    last, t = row.last, site.renderer.words(request)
    states, steps = site.store.takedowns.history(takedown_id)
    entries = site.store.cases.entries(last.case_id)
    policy = next((entry.policy for entry in entries if entry.policy is not None), None)
    return {
        "row": row,
        "last": last,
        "case": site.store.cases.find(last.case_id),
        "matches": shown_matches(t, last.evidence, site.file_names(last.case_id)),
        "history": _in_order(states, steps),
        "needs_approval": bool(policy and policy.approve) and last.state == "issued",
        "is_pending": last.state in PENDING,
    }
