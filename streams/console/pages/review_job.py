"""Page of one job of the review queue; opening it takes the job's lease."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException

from streams.cases.labels import label_key
from streams.console.decisions import UNDO_S
from streams.console.pages.parts import shown_matches
from streams.console.pages.reasons import shown_reason
from streams.console.pages.review_decisions import is_escalated_by
from streams.console.pages.reviewer import Reviewer, reviewer_of
from streams.console.render import go_to, local_url
from streams.console.scope import first_values, of_job
from streams.console.site import Site
from streams.console.store.reviews import Job

_MAX_LINKS, _MAX_OF_AUTHOR, _MAX_NOTES = 20, 10, 3


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @get("/review", opt={"right": "review", "owner": of_job})
    async def one(request: Request[Any, Any, Any]) -> Response[Any]:
        job, reviewer = find_job(site, first_values(request.query_params)), reviewer_of(site, request)
        may_wait = job.waits and site.decisions.find(job.key) is None
        held_since = site.leases.take(job.key, reviewer.account) if may_wait else None
        page = _job(site, request, job, reviewer)
        lasted_s = site.wellbeing.reviewed(reviewer.account) if job.waits else None
        return site.renderer.page(request, "review", held_since=held_since, lasted_s=lasted_s, **page)

    @post("/review/take", opt={"right": "label", "owner": of_job})
    async def take_over(request: Request[Any, Any, Any]) -> Response[Any]:
        job = find_job(site, first_values(await request.form()))
        site.leases.take_over(job.key, reviewer_of(site, request).account)
        return go_to(job_address(job))

    return [one, take_over]


def job_address(job: Job) -> str:
    """Return the address of a job."""
    return local_url("/review", post=job.verdict.post.post_id, case=job.verdict.case_id)


def find_job(site: Site, sent: dict[str, str]) -> Job:
    """Return the job that a query or a form names."""
    job = site.store.reviews.find(label_key(sent.get("post", ""), sent.get("case", "")))
    if job is None:
        raise NotFoundException
    return job


def _job(site: Site, request: Request[Any, Any, Any], job: Job, reviewer: Reviewer) -> dict[str, Any]:
    verdict, store, t = job.verdict, site.store, site.renderer.words(request)
    author, case_id, pending = verdict.post.author, verdict.case_id or "", site.decisions.find(job.key)
    is_own = pending is not None and pending.label.reviewer == reviewer.signature
    earlier = store.takedowns.of_author(verdict.post.platform, author, _MAX_OF_AUTHOR, reviewer.owner) if author else []
    file_names, mine = site.file_names(case_id), site.decisions.pending(reviewer.signature)
    of_post = store.reviews.of_post(verdict.post.post_id, owner=reviewer.owner)
    return {
        "job": job,
        "verdict": verdict,
        "case": store.cases.find(case_id),
        "matches": shown_matches(t, verdict.evidence, file_names),
        "reasons": [shown_reason(t, one, file_names) for one in verdict.contributions],
        "links": verdict.links[:_MAX_LINKS],
        "earlier": earlier,
        "others": [(one, store.cases.find(one.verdict.case_id or "")) for one in of_post if one.key != job.key],
        "address": job_address,
        "decided": store.reviews.label_of(job.key),
        "is_escalated_by_me": is_escalated_by(site, job.key, reviewer),
        "own": next((batch for batch in mine if pending in batch), None) if is_own else None,
        "of_another": pending is not None and not is_own,
        "pending": mine[:_MAX_NOTES],
        "exposures": site.wellbeing.exposures(reviewer.account),
        "undo_s": round(UNDO_S),
    }
