"""Pages of cases: who waits, the list, one case, and its withdrawal."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.params import FromPath
from litestar.response import File

from streams.cases.four_eyes import is_second_person
from streams.console.pages.case_copies import OF_CASE, found_copies
from streams.console.pages.erasures import n_unfinished
from streams.console.pages.parts import cursor, find_case, next_page
from streams.console.pages.search import asked_of, n_found, search_state
from streams.console.render import go_to
from streams.console.scope import of_case, of_listed, require_right
from streams.console.site import AnyRequest, Site
from streams.console.store.cases import PAGE, CaseRow
from streams.console.store.takedowns import Filter
from streams.desk.build_report import CaseRecords, build_report

_FIRST = 15
"""Cases with somebody waiting that are listed first."""
_NEWEST = 30
_MAX_WHY = 500
_MAX_REFERENCES, _MAX_REVIEWS = 100, 20
_TAKEDOWNS = 25


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @get("/", opt={"right": "read", "owner": of_listed})
    async def start(request: Request[Any, Any, Any]) -> Response[Any]:
        return site.renderer.page(request, "cases", **_list(site, request))

    @get("/cases/{case_id:str}", opt={"right": "read", "owner": of_case})
    async def one(request: Request[Any, Any, Any], case_id: FromPath[str]) -> Response[Any]:
        return site.renderer.page(request, "case", **_case(site, request, case_id))

    @post("/cases/{case_id:str}/evidence", opt={"right": "evidence", "owner": of_case})
    async def evidence(request: Request[Any, Any, Any], case_id: FromPath[str]) -> File:
        find_case(site, case_id)
        packing = site.actions(request).pack(case_id)
        path = await packing.__aenter__()
        sent = BackgroundTask(packing.__aexit__, None, None, None)
        return File(path, filename=path.name, media_type="application/zip", background=sent)

    @post("/cases/{case_id:str}/references/{reference_id:str}", opt={"right": "confirm", "owner": of_case})
    async def decide_reference(
        request: Request[Any, Any, Any], case_id: FromPath[str], reference_id: FromPath[str]
    ) -> Response[Any]:
        form = await request.form()
        why = str(form.get("why", ""))[:_MAX_WHY]
        if form.get("standing") == "confirmed":
            await site.actions(request).confirm_reference(case_id, reference_id, why)
        elif form.get("standing") == "withdrawn":
            require_right(site.person(request), "withdraw", site.store.cases.owner(case_id))
            await site.actions(request).withdraw_reference(case_id, reference_id, why)
        return go_to(f"/cases/{quote(case_id, safe='')}")

    return [start, one, evidence, decide_reference]


def _list(site: Site, request: AnyRequest) -> dict[str, Any]:
    now_s, after = datetime.now(UTC).timestamp(), request.query_params.get("after")
    store, decided, owner = site.store, site.decisions.keys(), site.owner(request, "read")
    store.counts.pass_time(now_s)
    first = [*store.reviews.longest_waiting(_FIRST, owner), *store.counts.most_late(_FIRST, owner)]
    urgent = [] if after else store.cases.chosen(list(dict.fromkeys(first))[:_FIRST])
    place = cursor(after)
    rows = store.cases.page(benign=False, after=place, limit=_NEWEST + 1, owner=owner)
    n_cases, n_allowed = store.cases.count(owner)
    n_unconfirmed, oldest_unconfirmed_s = store.cases.count_waiting()
    counts = store.counts.of_all(owner)
    return {
        "urgent": urgent,
        "rows": rows[:_NEWEST],
        "allowed": [] if after else store.cases.page(benign=True, limit=PAGE, owner=owner),
        "next": _next(rows),
        "counts": store.counts.of_cases([row.case_id for row in [*urgent, *rows]]),
        "n_waiting": max(0, counts.to_review - len(decided)),
        "oldest_s": store.reviews.oldest_s(owner),
        "n_unconfirmed": n_unconfirmed,
        "oldest_unconfirmed_s": oldest_unconfirmed_s,
        "n_overdue": counts.late,
        "n_held": counts.states.get("held", 0),
        "n_letters": store.dead_letters.count("open"),
        "n_erasures": n_unfinished(site, site.owner(request, "withdraw")),
        "n_cases": n_cases,
        "n_allowed": n_allowed,
    }


def _next(rows: list[CaseRow]) -> str | None:
    return f"{rows[_NEWEST - 1].opened_s!r}~{rows[_NEWEST - 1].case_id}" if len(rows) > _NEWEST else None


def _case(site: Site, request: AnyRequest, case_id: str) -> dict[str, Any]:
    row, store, now = find_case(site, case_id), site.store, datetime.now(UTC)
    held = store.takedowns.held_of_case(case_id, OF_CASE)  # of which alone the report counts what waits for a reference
    jobs = store.reviews.queue(_MAX_REVIEWS + 1, case_id, site.decisions.keys())
    records = CaseRecords(
        entries=store.cases.entries(case_id),
        events=held,
        deliveries=[],
        waiting=[],
        reviews=store.cases.standings(case_id),
        file_names=site.file_names(case_id),
    )
    report = build_report(records, now)
    place, acts = cursor(request.query_params.get("after")), store.acts.of_case(case_id)
    rows = store.takedowns.page(Filter(case_id=case_id), place, _TAKEDOWNS + 1)
    store.counts.pass_time(now.timestamp())
    return {
        "row": row,
        "waits": store.cases.waits(case_id),
        "search": search_state(site, case_id),
        "list_search": store.searches.of_list(case_id),
        "n_found": n_found(site, case_id),
        "asked": asked_of(site, case_id),
        "now": now,
        "is_second": is_second_person(row.opened_by, site.person(request).name),
        "report": report,
        "references": report.references[:_MAX_REFERENCES],
        "n_references": len(report.references),
        "counts": store.counts.of(case_id),
        **found_copies(site, case_id, acts),
        "checkpoint": store.acts.checkpoint(),
        "takedowns": rows[:_TAKEDOWNS],
        "next": next_page(rows, _TAKEDOWNS),
        "jobs": jobs[:_MAX_REVIEWS],
        "has_more_jobs": len(jobs) > _MAX_REVIEWS,
    }
