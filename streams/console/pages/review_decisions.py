"""Decisions on jobs of the review queue, and their undoing."""

from datetime import UTC, datetime
from typing import Any, get_args

from litestar import Request, Response, post

from schemas.messages import Label, LabelDecision
from streams.cases.labels import label_key
from streams.console.decisions import TooManyError
from streams.console.pages.reviewer import Reviewer, reviewer_of
from streams.console.render import go_to, local_url
from streams.console.scope import first_values, of_job
from streams.console.site import Site
from streams.console.store.reviews import Job
from streams.console.words import Words
from streams.errors import UsageError

_MAX_NOTE = 1000
DECISIONS: tuple[LabelDecision, ...] = get_args(LabelDecision)


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @post("/review/decide", opt={"right": "label", "owner": of_job})
    async def decide(request: Request[Any, Any, Any]) -> Response[Any]:
        form, t, reviewer = first_values(await request.form()), site.renderer.words(request), reviewer_of(site, request)
        job, decision = _decidable(site, t, form, reviewer), _decision(t, form)
        label = label_of(job, decision, form.get("note", ""), reviewer)
        if not _take(site, request, label):
            raise UsageError(t("review.decided_twice"))
        site.leases.end(job.key)
        return go_to("/reviews/next")

    @post("/review/undo", opt={"right": "label", "owner": of_job})
    async def undo(request: Request[Any, Any, Any]) -> Response[Any]:
        form, t = first_values(await request.form()), site.renderer.words(request)
        post_id, case_id = form.get("post", ""), form.get("case", "")
        if not site.decisions.undo(label_key(post_id, case_id), reviewer_of(site, request).signature):
            raise UsageError(t("review.too_late"))
        return go_to(local_url("/review", post=post_id, case=case_id))

    return [decide, undo]


def label_of(job: Job, decision: LabelDecision, note: str, reviewer: Reviewer) -> Label:
    """Return the label of a person's decision on a job."""
    return Label(
        post_id=job.verdict.post.post_id,
        case_id=job.verdict.case_id or "",
        decision=decision,
        reviewer=reviewer.signature,
        at=datetime.now(UTC),
        note=note[:_MAX_NOTE],
    )


def _decidable(site: Site, t: Words, form: dict[str, str], reviewer: Reviewer) -> Job:
    """Return the job of a form, if the page that the person decided on is up to date."""
    job = site.store.reviews.find(label_key(form.get("post", ""), form.get("case", "")))
    if job is None or not job.waits:
        raise UsageError(t("review.decided_elsewhere"))
    if job.verdict.verdict_id != form.get("seen"):
        raise UsageError(t("review.changed"))
    if site.leases.taken(job.key, reviewer.account) is not None:
        raise UsageError(t("review.taken_over"))
    return job


def _decision(t: Words, form: dict[str, str]) -> LabelDecision:
    found = [one for one in DECISIONS if one == form.get("decision")]
    if not found:
        raise UsageError(t("review.no_decision"))
    return found[0]


def _take(site: Site, request: Request[Any, Any, Any], label: Label) -> bool:
    try:
        return site.decisions.decide(label, site.identity(request))
    except TooManyError:
        raise UsageError(site.renderer.words(request)("review.too_many")) from None
