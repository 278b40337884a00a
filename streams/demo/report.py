"""Report of the demo: each post's result against its expectation, a pure function of the observed messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np

from schemas.messages import DeadLetter, Delivery, Evidence, Look, Takedown, Verdict
from streams.demo.live_view import DECISIONS
from streams.demo.posts import DemoPost
from streams.demo.results import AlignedInterval, PostResult, Report, Summary, is_as_expected


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """A case that the demo opened."""

    name: str
    """Pseudonym."""
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Observed:
    """Messages of the topics during the run; repeats are harmless, order is not needed."""

    verdicts: Sequence[Verdict]
    takedowns: Sequence[Takedown]
    dead_letters: Sequence[DeadLetter]
    cases: Mapping[str, OpenedCase]
    """By case id."""
    fed_at: Mapping[str, datetime]
    """By post id."""
    deliveries: Sequence[Delivery] = ()
    looks: Sequence[Look] = ()


def report(posts: Sequence[DemoPost], observed: Observed) -> Report:
    """Compare the observed messages with each post's expectation."""
    results = [_result(post, observed) for post in posts]
    drafted = {one.takedown_id for one in observed.deliveries if one.outcome == "dry_run"}
    looked_at = {one.segment.post.post_id for one in observed.looks}
    summary = msgspec.structs.replace(_summarise(results), notices=len(drafted), looked_at_again=len(looked_at))
    return Report(summary=summary, posts=results)


def _result(demo: DemoPost, observed: Observed) -> PostResult:
    post_id = demo.post.post_id
    verdict = max((v for v in observed.verdicts if v.post.post_id == post_id), key=_strength, default=None)
    takedown = min((t for t in observed.takedowns if t.post.post_id == post_id), key=lambda t: t.at, default=None)
    letter = min((d for d in observed.dead_letters if _post_id(d) == post_id), key=lambda d: d.at, default=None)
    case = _case_name(verdict.case_id if verdict else None, observed)
    decision = verdict.decision if verdict else None
    acted_on = _acted_on(post_id, observed)
    evidence = verdict.evidence if verdict and verdict.case_id else []
    return PostResult(
        post_id=post_id,
        what=demo.what,
        kind=demo.kind,
        expected=demo.expected,
        expected_case=demo.case,
        decision=decision,
        case=case,
        probability=verdict.probability if verdict else None,
        modalities=list(dict.fromkeys(one.modality for one in evidence)),
        where=[_where(one) for one in evidence],
        why=[f"{one.why} ({one.added:+.1f})" for one in verdict.contributions] if verdict else [],
        seconds=_seconds(post_id, _event(verdict, takedown, letter), observed),
        dead_letter_reason=letter.reason if letter else None,
        found=demo.case is not None and demo.case in acted_on | _reviewed(post_id, observed),
        wrong_act=bool(acted_on - ({demo.case} if demo.kind == "copy" else set())),
        takedown_id=takedown.takedown_id if takedown else None,
        verdict_id=verdict.verdict_id if verdict else None,
    )


def _strength(verdict: Verdict) -> tuple[int, float, datetime]:
    return DECISIONS.index(verdict.decision), verdict.probability, verdict.decided_at


def _case_name(case_id: str | None, observed: Observed) -> str | None:
    """Return a case's pseudonym, its id if the demo did not open it."""
    opened = observed.cases.get(case_id or "")
    return opened.name if opened else case_id


def _acted_on(post_id: str, observed: Observed) -> set[str | None]:
    """Return the cases for which a post was acted on at any time, by a verdict or a takedown."""
    acts = {v.case_id for v in observed.verdicts if v.post.post_id == post_id and v.decision == "act"}
    taken_down = {t.case_id for t in observed.takedowns if t.post.post_id == post_id}
    return {_case_name(case_id, observed) for case_id in acts | taken_down}


def _reviewed(post_id: str, observed: Observed) -> set[str | None]:
    ids = {v.case_id for v in observed.verdicts if v.post.post_id == post_id and v.decision == "review"}
    return {_case_name(case_id, observed) for case_id in ids}


def _post_id(letter: DeadLetter) -> str:
    """Return the post id of a dead letter: keys start with it in all topics but cases and takedowns."""
    return (letter.key or b"").decode(errors="replace").split("/")[0].strip()


def _where(evidence: Evidence) -> AlignedInterval:
    query, reference = evidence.query, evidence.reference
    return AlignedInterval(
        modality=evidence.modality,
        medium=evidence.medium,
        query=(query.start_s, query.end_s),
        reference=(reference.start_s, reference.end_s),
    )


def _event(
    verdict: Verdict | None, takedown: Takedown | None, letter: DeadLetter | None
) -> tuple[datetime, str | None] | None:
    """Return the time and case of a post's strongest result."""
    if takedown is not None:
        return takedown.at, takedown.case_id
    if verdict is not None and verdict.decision != "dismiss":
        return verdict.decided_at, verdict.case_id
    return (letter.at, None) if letter is not None else None


def _seconds(post_id: str, event: tuple[datetime, str | None] | None, observed: Observed) -> float | None:
    if event is None or post_id not in observed.fed_at:
        return None
    at, case_id = event
    opened = observed.cases.get(case_id or "")
    start = max(observed.fed_at[post_id], opened.opened_at) if opened else observed.fed_at[post_id]
    return (at - start).total_seconds()


def _summarise(results: Sequence[PostResult]) -> Summary:
    seconds = [r.seconds for r in results if r.seconds is not None and r.decision in ("act", "review")]
    return Summary(
        posts=len(results),
        expected=sum(r.expected_case is not None for r in results),
        missed=sum(r.expected_case is not None and not r.found for r in results),
        wrong_acts=sum(r.wrong_act for r in results),
        acts=sum(r.decision == "act" for r in results),
        reviews=sum(r.decision == "review" for r in results),
        dead_letters=sum(r.dead_letter_reason is not None for r in results),
        unexplained=sum((r.kind == "broken") != (r.dead_letter_reason is not None) for r in results),
        untold=sum(r.decision == "act" and r.takedown_id is None for r in results),
        unexpected=sum(not is_as_expected(r) for r in results),
        latency_p50_s=_percentile(seconds, 50),
        latency_p99_s=_percentile(seconds, 99),
    )


def _percentile(seconds: Sequence[float], percent: float) -> float | None:
    """Return a percentile without interpolation: the least measured latency that covers this share, in per cent."""
    return float(np.percentile(seconds, percent, method="inverted_cdf")) if seconds else None
