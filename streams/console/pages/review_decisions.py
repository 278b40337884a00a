"""Decisions on jobs of the review queue, and their undoing."""

from datetime import UTC, datetime
from typing import Any, get_args

from litestar import Request, Response, post

from schemas.messages import Label, LabelDecision
from streams.cases.labels import label_key
from streams.console.decisions import TooManyError
from streams.console.pages.reviewer import Reviewer, reviewer_of
from streams.console.render import go_to, local_url
from streams.console.scope import first_values, of_job, require_right
from streams.console.site import Site
from streams.console.store.reviews import Job
from streams.console.words import RefusalError, Words

_MAX_NOTE = 1000
DECISIONS: tuple[LabelDecision, ...] = get_args(LabelDecision)
ALLOW = "allow"
"""In place of a decision: no copy, and its media are allowed wherever they are found."""


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @post("/review/decide", opt={"right": "label", "owner": of_job})
    async def decide(request: Request[Any, Any, Any]) -> Response[Any]:
        form, t, reviewer = first_values(await request.form()), site.renderer.words(request), reviewer_of(site, request)
        job, allow = decidable(site, t, form, reviewer), form.get("decision") == ALLOW
        if allow:
            require_right(site.person(request), "allow")
        decision: LabelDecision = "other" if allow else decision_of(t, form)
        take(site, request, label_of(job, decision, form.get("note", ""), reviewer), allow=allow)
        return go_to("/reviews/next")

    @post("/review/undo", opt={"right": "label", "owner": of_job})
    async def undo(request: Request[Any, Any, Any]) -> Response[Any]:
        form, t = first_values(await request.form()), site.renderer.words(request)
        post_id, case_id = form.get("post", ""), form.get("case", "")
        if not site.decisions.undo(label_key(post_id, case_id), reviewer_of(site, request).signature):
            raise RefusalError(t("review.too_late"))
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


def decidable(site: Site, t: Words, form: dict[str, str], reviewer: Reviewer) -> Job:
    """Return the job of a form, if the page that the person decided on is up to date and the person may decide.

    Raises
    ------
    UsageError
        It is not; one sentence for the person.
    """
    job = site.store.reviews.find(label_key(form.get("post", ""), form.get("case", "")))
    if job is None or not job.waits:
        raise RefusalError(t("review.decided_elsewhere"))
    if job.verdict.verdict_id != form.get("seen"):
        raise RefusalError(t("review.changed"))
    if site.leases.taken(job.key, reviewer.account) is not None:
        raise RefusalError(t("review.taken_over"))
    if is_escalated_by(site, job.key, reviewer):
        raise RefusalError(t("review.escalated_by_you"))
    return job


def is_escalated_by(site: Site, key: str, reviewer: Reviewer) -> bool:
    """Return whether a person has asked for another person's decision on a job."""
    last = site.store.reviews.label_of(key)
    return last is not None and last[:2] == ("escalate", reviewer.signature)


def decision_of(t: Words, form: dict[str, str]) -> LabelDecision:
    """Return the decision of a form; raises `UsageError` if it has none."""
    found = [one for one in DECISIONS if one == form.get("decision")]
    if not found:
        raise RefusalError(t("review.no_decision"))
    return found[0]


def take(site: Site, request: Request[Any, Any, Any], *labels: Label, allow: bool = False) -> None:
    """Take decisions, all or none, and end the leases of their jobs; raises `UsageError` as `decidable`."""
    t = site.renderer.words(request)
    try:
        if not site.decisions.decide(*labels, by=site.identity(request), allow=allow):
            raise RefusalError(t("review.decided_twice"))
    except TooManyError:
        raise RefusalError(t("review.too_many")) from None
    for label in labels:
        site.leases.end(label_key(label.post_id, label.case_id))
