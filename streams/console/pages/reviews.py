"""Pages of reviews: the queue, and the way to the next job."""

from typing import Any

from litestar import Request, Response, get

from streams.console.decisions import UNDO_S
from streams.console.pages import review_decisions, review_family, review_job, review_keys, review_look
from streams.console.pages.review_job import job_address
from streams.console.pages.reviewer import Reviewer, reviewer_of
from streams.console.render import go_to
from streams.console.scope import of_listed
from streams.console.site import Site
from streams.console.store.reviews import PAGE


def routes(site: Site) -> list[Any]:
    """Return the handlers of all pages of reviews."""

    @get("/reviews", opt={"right": "review", "owner": of_listed})
    async def queue(request: Request[Any, Any, Any]) -> Response[Any]:
        return site.renderer.page(request, "reviews", **_queue(site, reviewer_of(site, request)))

    @get("/reviews/next", opt={"right": "review", "owner": of_listed})
    async def next_job(request: Request[Any, Any, Any]) -> Response[Any]:
        reviewer = reviewer_of(site, request)
        taken = site.decisions.keys() | site.leases.of_others(reviewer.account)
        jobs = site.store.reviews.queue(1, leaving_out=taken, owner=reviewer.owner, not_by=reviewer.signature)
        return go_to(job_address(jobs[0]) if jobs else "/reviews")

    parts = (review_job, review_decisions, review_family, review_look, review_keys)
    return [queue, next_job, *(handler for part in parts for handler in part.routes(site))]


def _queue(site: Site, reviewer: Reviewer) -> dict[str, Any]:
    jobs = site.store.reviews.queue(PAGE, leaving_out=site.decisions.keys(), owner=reviewer.owner)
    escalated = [job for job in site.store.reviews.escalated(PAGE, reviewer.owner) if not site.decisions.find(job.key)]
    names = {
        job.verdict.case_id: case.name
        for job in [*jobs, *escalated]
        if (case := site.store.cases.find(job.verdict.case_id or ""))
    }
    return {
        "jobs": [job for job in jobs if job.label != "escalate"],
        "escalated": escalated,
        "names": names,
        "n_waiting": max(0, site.store.counts.of_all(reviewer.owner).to_review - len(site.decisions.keys())),
        "oldest_s": site.store.reviews.oldest_s(reviewer.owner),
        "address": job_address,
        "taken": site.leases.of_others(reviewer.account),
        "pending": site.decisions.pending(reviewer.signature)[:PAGE],
        "faults": site.decisions.faults_of(reviewer.signature),
        "undo_s": round(UNDO_S),
    }
