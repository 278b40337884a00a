"""One decision on the jobs of one family: the list first, then a label for each."""

from typing import Any, NamedTuple

from litestar import Request, Response, get, post

from schemas.messages import Label, Verdict
from streams.console.pages.parts import shown_matches
from streams.console.pages.review_decisions import decidable, decision_of, is_escalated_by, label_of, take
from streams.console.pages.review_job import find_job, job_address
from streams.console.pages.reviewer import Reviewer, reviewer_of
from streams.console.render import go_to
from streams.console.scope import first_values, of_job
from streams.console.site import Site
from streams.console.store.reviews import PAGE, Job
from streams.console.words import RefusalError

_LOOKED_AT = 1000
"""Waiting jobs of the case among which the family is looked for."""
_ALIKE = 0.5
"""Least share of the shorter of two stretches that is common to both."""


class Member(NamedTuple):
    """One job of a family."""

    job: Job
    lines: list[str]
    """Sentences on where it matches."""
    value: str
    """Names the job, and what was shown of it, in the form."""


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @get("/review/family", opt={"right": "review", "owner": of_job})
    async def family(request: Request[Any, Any, Any]) -> Response[Any]:
        job, reviewer = find_job(site, first_values(request.query_params)), reviewer_of(site, request)
        members = [_member(site, request, one) for one in family_of(site, job, reviewer)]
        case = site.store.cases.find(job.verdict.case_id or "")
        return site.renderer.page(request, "family", job=job, case=case, members=members, address=job_address)

    @post("/review/family", opt={"right": "label", "owner": of_job})
    async def decide(request: Request[Any, Any, Any]) -> Response[Any]:
        form, t, reviewer = await request.form(), site.renderer.words(request), reviewer_of(site, request)
        sent = first_values(form)
        decision, labels = decision_of(t, sent), list[Label]()
        for value in form.getall("job", [])[:PAGE]:
            seen, _, post_id = str(value).partition(" ")
            job = decidable(site, t, {"post": post_id, "case": sent.get("case", ""), "seen": seen}, reviewer)
            labels.append(label_of(job, decision, sent.get("note", ""), reviewer))
        if not labels:
            raise RefusalError(t("family.none_chosen"))
        take(site, request, *labels)
        return go_to("/reviews")

    return [family, decide]


def family_of(site: Site, job: Job, reviewer: Reviewer) -> list[Job]:
    """Return the waiting jobs that match the same stretch of a reference as this one, or show the same address.

    The job itself comes first. At most `PAGE` are returned, of the first `_LOOKED_AT` of its case; those that are
    decided and not written yet, that others have open, or that the person escalated are left out.
    """
    taken = site.decisions.keys() | site.leases.of_others(reviewer.account)
    waiting = site.store.reviews.of_case(job.verdict.case_id or "", _LOOKED_AT)
    may = [one for one in waiting if one.key not in taken and not is_escalated_by(site, one.key, reviewer)]
    first = [one for one in may if one.key == job.key]
    return [*first, *(one for one in may if one.key != job.key and _is_alike(job, one))][:PAGE]


def _is_alike(job: Job, other: Job) -> bool:
    if set(job.verdict.links) & set(other.verdict.links):
        return True
    ours, theirs = _stretches(job.verdict), _stretches(other.verdict)
    return any(
        reference == other_reference and _share(start, end, other_start, other_end) >= _ALIKE
        for reference, start, end in ours
        for other_reference, other_start, other_end in theirs
    )


def _stretches(verdict: Verdict) -> list[tuple[str, float, float]]:
    """Return the matched stretches of references; words have none."""
    shown = [one for one in verdict.evidence if one.modality != "text"]
    return [(one.reference_id, one.reference.start_s, one.reference.end_s) for one in shown]


def _share(start: float, end: float, other_start: float, other_end: float) -> float:
    shorter = min(end - start, other_end - other_start)
    common = min(end, other_end) - max(start, other_start)
    return common / shorter if shorter > 0 else float((start, end) == (other_start, other_end))


def _member(site: Site, request: Request[Any, Any, Any], job: Job) -> Member:
    t, verdict = site.renderer.words(request), job.verdict
    matches = shown_matches(t, verdict.evidence, site.file_names(verdict.case_id or ""))
    lines = [line for match in matches[:1] for line in match.lines[:1]]
    return Member(job, lines, f"{verdict.verdict_id} {verdict.post.post_id}")
