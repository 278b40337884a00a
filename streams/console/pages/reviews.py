"""Pages of reviews: the queue, one job at its own address, decisions and their undoing."""

from datetime import UTC, datetime
from typing import Any, get_args

import structlog
from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException

from schemas.messages import Label, LabelDecision
from streams.cases.labels import label_key
from streams.console.decisions import UNDO_S, TooManyError
from streams.console.pages.parts import shown_matches
from streams.console.render import go_to, local_url
from streams.console.scope import first_values, of_job, of_listed
from streams.console.site import Site
from streams.console.store.reviews import PAGE, Job
from streams.errors import UsageError

log = structlog.get_logger()
_MAX_NOTE, _MAX_LINKS, _MAX_OF_AUTHOR = 1000, 20, 10
DECISIONS: tuple[LabelDecision, ...] = get_args(LabelDecision)


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @get("/reviews", opt={"right": "review", "owner": of_listed})
    async def queue(request: Request[Any, Any, Any]) -> Response[Any]:
        return site.renderer.page(request, "reviews", **_queue(site))

    @get("/reviews/next", opt={"right": "review", "owner": of_listed})
    async def next_job() -> Response[Any]:
        jobs = site.store.reviews.queue(1, leaving_out=site.decisions.keys(), owner=site.owner("review"))
        return go_to(job_address(jobs[0]) if jobs else "/reviews")

    @get("/review", opt={"right": "review", "owner": of_job})
    async def one(request: Request[Any, Any, Any]) -> Response[Any]:
        query = request.query_params
        return site.renderer.page(request, "review", **_job(site, request, query.get("post"), query.get("case")))

    @post("/review/decide", opt={"right": "label", "owner": of_job})
    async def decide(request: Request[Any, Any, Any]) -> Response[Any]:
        return await _decide(site, request, first_values(await request.form()))

    @post("/review/undo", opt={"right": "label", "owner": of_job})
    async def undo(request: Request[Any, Any, Any]) -> Response[Any]:
        form, t = await request.form(), site.renderer.words(request)
        post_id, case_id = str(form.get("post", "")), str(form.get("case", ""))
        if not site.decisions.undo(label_key(post_id, case_id)):
            raise UsageError(t("review.too_late"))
        return go_to(local_url("/review", post=post_id, case=case_id))

    return [queue, next_job, one, decide, undo]


def job_address(job: Job) -> str:
    """Return the address of a job."""
    return local_url("/review", post=job.verdict.post.post_id, case=job.verdict.case_id)


def _queue(site: Site) -> dict[str, Any]:
    owner = site.owner("review")
    jobs = site.store.reviews.queue(PAGE, leaving_out=site.decisions.keys(), owner=owner)
    n_waiting, oldest_s = site.store.reviews.waiting(owner)
    names = {
        job.verdict.case_id: case.name for job in jobs if (case := site.store.cases.find(job.verdict.case_id or ""))
    }
    return {
        "jobs": jobs,
        "names": names,
        "n_waiting": max(0, n_waiting - len(site.decisions.keys())),
        "oldest_s": oldest_s,
        "address": job_address,
        "pending": site.decisions.pending()[:PAGE],
        "faults": site.decisions.faults,
        "undo_s": round(UNDO_S),
    }


def _job(site: Site, request: Request[Any, Any, Any], post_id: str | None, case_id: str | None) -> dict[str, Any]:
    key, t = label_key(post_id or "", case_id or ""), site.renderer.words(request)
    job = site.store.reviews.find(key)
    if job is None:
        raise NotFoundException
    verdict = job.verdict
    author, owner = verdict.post.author, site.owner("review")
    earlier = site.store.takedowns.of_author(verdict.post.platform, author, _MAX_OF_AUTHOR, owner) if author else []
    others = [one for one in site.store.reviews.of_post(verdict.post.post_id, owner=owner) if one.key != key]
    return {
        "job": job,
        "verdict": verdict,
        "case": site.store.cases.find(verdict.case_id or ""),
        "matches": shown_matches(t, verdict.evidence, site.file_names(verdict.case_id or "")),
        "links": verdict.links[:_MAX_LINKS],
        "earlier": earlier,
        "others": others,
        "address": job_address,
        "decided": site.store.reviews.label_of(key),
        "own": site.decisions.find(key),
        "pending": site.decisions.pending()[:3],
        "undo_s": round(UNDO_S),
    }


async def _decide(site: Site, request: Request[Any, Any, Any], form: dict[str, str]) -> Response[Any]:
    t, decision = site.renderer.words(request), form.get("decision", "")
    key = label_key(form.get("post", ""), form.get("case", ""))
    job = site.store.reviews.find(key)
    if job is None or not job.waits:
        raise UsageError(t("review.decided_elsewhere"))
    if job.verdict.verdict_id != form.get("seen"):
        raise UsageError(t("review.changed"))
    if decision not in DECISIONS:
        raise UsageError(t("review.no_decision"))
    label = Label(
        post_id=job.verdict.post.post_id,
        case_id=job.verdict.case_id or "",
        decision=decision,
        reviewer=site.signature,
        at=datetime.now(UTC),
        note=form.get("note", "")[:_MAX_NOTE],
    )
    try:
        is_new = site.decisions.decide(label)
    except TooManyError:
        raise UsageError(t("review.too_many")) from None
    if not is_new:
        raise UsageError(t("review.decided_twice"))
    return go_to("/reviews/next")
