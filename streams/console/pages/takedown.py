"""Page of one takedown: its history, its notices, the expected next step, and what a person may decide."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from schemas.messages import Delivery, Label
from streams.cases.four_eyes import is_second_person
from streams.cases.labels import label_key
from streams.console.expected import expected_step
from streams.console.pages.parts import shown_matches
from streams.console.render import go_to
from streams.console.scope import of_takedown
from streams.console.site import AnyRequest, Site
from streams.console.store.acts import ShownAct
from streams.console.store.takedowns import History, Row
from streams.delivery.notices.render import text
from streams.delivery.platforms.registry import load_registry
from streams.desk.case_report import Step
from streams.desk.notices import draft
from streams.takedown.life import GONE, OPEN, pending

_MAX_WHY = 1_000


def routes(site: Site) -> list[Any]:
    """Return the handlers."""
    return [*_pages(site), *_decisions(site)]


def _pages(site: Site) -> list[Any]:
    registry = load_registry(site.settings.delivery.platforms)

    @get("/takedowns/{takedown_id:str}", opt={"right": "read", "owner": of_takedown})
    async def one(request: Request[Any, Any, Any], takedown_id: FromPath[str]) -> Response[Any]:
        row, history = _find(site, takedown_id), site.store.takedowns.history(takedown_id)
        needs_approval = _needs_approval(site, row)
        platform = registry.find(row.last.post)[1]
        expected = expected_step(history.states, history.steps, platform, needs_approval=needs_approval)
        waits: dict[str, Any] = {"needs_approval": needs_approval and row.last.state == "issued", "expected": expected}
        return site.renderer.page(request, "takedown", **_takedown(site, request, row, history), **waits)

    @get("/takedowns/{takedown_id:str}/notices/{step_id:str}", opt={"right": "read", "owner": of_takedown})
    async def notice(
        request: Request[Any, Any, Any], takedown_id: FromPath[str], step_id: FromPath[str]
    ) -> Response[Any]:
        row, history = _find(site, takedown_id), site.store.takedowns.history(takedown_id)
        if step_id not in history.notices:
            raise NotFoundException
        sent = next(step for step in history.steps if step.delivery_id == step_id)
        written = await site.store.notice(history.notices[step_id])
        shown: dict[str, Any] = {"notice": written, "text": text(written) if written is not None else ""}
        return site.renderer.page(request, "notice", row=row, step=sent, **shown)

    @get("/takedowns/{takedown_id:str}/draft", opt={"right": "read", "owner": of_takedown})
    async def drafted(request: Request[Any, Any, Any], takedown_id: FromPath[str]) -> Response[Any]:
        row, history = _find(site, takedown_id), site.store.takedowns.history(takedown_id)
        if not _has_draft(row, history):
            raise NotFoundException
        takedown = msgspec.structs.replace(row.last, at=history.states[0].at)
        written = draft(site.settings, takedown, site.store.cases.entries(row.last.case_id)).notice
        return site.renderer.page(request, "notice", row=row, step=None, notice=written, text=text(written))

    return [one, notice, drafted]


def _decisions(site: Site) -> list[Any]:
    @post("/takedowns/{takedown_id:str}/approve", opt={"right": "send", "owner": of_takedown})
    async def approve(request: Request[Any, Any, Any], takedown_id: FromPath[str]) -> Response[Any]:
        form = await request.form()
        await site.actions(request).approve(takedown_id, str(form.get("why", ""))[:_MAX_WHY])
        return go_to(f"/takedowns/{takedown_id}")

    @post("/takedowns/{takedown_id:str}/refuse", opt={"right": "label", "owner": of_takedown})
    async def refuse(request: Request[Any, Any, Any], takedown_id: FromPath[str]) -> Response[Any]:
        form, last = await request.form(), _find(site, takedown_id).last
        label = Label(
            post_id=last.post.post_id,
            case_id=last.case_id,
            decision="other",
            reviewer=site.signature(request),
            at=datetime.now(UTC),
            note=str(form.get("why", ""))[:_MAX_WHY],
        )
        await site.actions(request).label(label)
        return go_to(f"/takedowns/{takedown_id}")

    return [approve, refuse]


def _find(site: Site, takedown_id: str) -> Row:
    row = site.store.takedowns.find(takedown_id)
    if row is None:
        raise NotFoundException
    return row


def _has_draft(row: Row, history: History) -> bool:
    return row.last.state in OPEN and not history.notices


def _needs_approval(site: Site, row: Row) -> bool:
    entries = site.store.cases.entries(row.last.case_id)
    policy = next((entry.policy for entry in entries if entry.policy is not None), None)
    return bool(policy and policy.approve)


def _takedown(site: Site, request: AnyRequest, row: Row, history: History) -> dict[str, Any]:
    last, store = row.last, site.store
    case, key = store.cases.find(last.case_id), label_key(last.post.post_id, last.case_id)
    decided = store.reviews.label_of(key)
    return {
        "takedown": row,
        "last": last,
        "row": case,  # of the part about the second person
        "waits": last.state == "held" and store.cases.waits(last.case_id),
        "is_second": is_second_person(case.opened_by if case else "", site.person(request).name),
        "matches": shown_matches(site.renderer.words(request), last.evidence, site.file_names(last.case_id)),
        "history": _in_order(history, store.acts.of_takedown(last.takedown_id, key)),
        "notices": history.notices,
        "has_draft": _has_draft(row, history) and case is not None,
        "is_dry": pending(last.state) and any(step.outcome == "dry_run" for step in history.steps),
        "checkpoint": store.acts.checkpoint(),
        "decided": decided,
        "may_be_refused": last.state in OPEN | GONE and (decided is None or decided[0] != "other"),
    }


def _in_order(history: History, acts: list[ShownAct]) -> list[Step | Delivery | ShownAct]:
    both: list[Step | Delivery | ShownAct] = [*history.states, *history.steps, *acts]
    return sorted(both, key=lambda one: one.act.at if isinstance(one, ShownAct) else one.at)
