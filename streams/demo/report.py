"""What came of each post, against what should have come: a pure function of the messages seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np

from schemas.messages import DeadLetter, Decision, Evidence, Modality, Takedown, Verdict
from streams.demo.live import DECISIONS
from streams.demo.posts import DemoPost
from streams.demo.scenario import Expected, Kind


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """A case of the demo as it is known on the wire."""

    name: str
    """Pseudonym."""
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What the topics told during the run; repeats are harmless, order is not needed."""

    verdicts: Sequence[Verdict]
    takedowns: Sequence[Takedown]
    dead_letters: Sequence[DeadLetter]
    cases: Mapping[str, OpenedCase]
    """By case id."""
    fed_at: Mapping[str, datetime]
    """By post id."""


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """One aligned stretch, seconds."""

    modality: Modality
    medium: int
    query: tuple[float, float]
    reference: tuple[float, float]


class PostResult(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table."""

    post_id: str
    what: str
    kind: Kind
    expected: Expected
    expected_case: str | None
    decision: Decision | None
    """Strongest of all cases; None when no verdict came."""
    case: str | None
    probability: float | None
    modalities: list[Modality]
    """Which senses spoke, strongest first."""
    where: list[Where]
    why: list[str]
    """What each sense added, the largest first, in words and log-odds."""
    seconds: float | None
    """From post to event (takedown, else verdict for review, else dead letter); from the case's opening if later."""
    dead_letter_reason: str | None
    found: bool
    """A post that belongs to a case: act or review for that case."""
    wrong_act: bool
    """Acted on for a case of which it holds no copy."""
    takedown_id: str | None
    verdict_id: str | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The run in numbers."""

    posts: int
    expected: int
    """Posts that belong to a case."""
    missed: int
    wrong_acts: int
    acts: int
    reviews: int
    dead_letters: int
    """Posts with a dead letter."""
    unexplained: int
    """Broken posts without a dead letter, and sound posts with one."""
    untold: int
    """Verdicts to act without a takedown event."""
    latency_p50_s: float | None
    latency_p99_s: float | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `--json` writes."""

    summary: Summary
    posts: list[PostResult]

    @property
    def passed(self) -> bool:
        """True if all copies were found, no act was wrong, every broken post has its reason and every act its event."""
        return not (self.summary.missed or self.summary.wrong_acts or self.summary.unexplained or self.summary.untold)


def report(posts: Sequence[DemoPost], seen: Seen) -> Report:
    """Hold what was seen against what each post expects."""
    results = [_result(post, seen) for post in posts]
    return Report(summary=_summarise(results), posts=results)


def to_json(made: Report) -> bytes:
    """Return the report as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(made), indent=2)


def _result(demo: DemoPost, seen: Seen) -> PostResult:
    post_id = demo.post.post_id
    verdict = max((v for v in seen.verdicts if v.post.post_id == post_id), key=_strength, default=None)
    takedown = min((t for t in seen.takedowns if t.post.post_id == post_id), key=lambda t: t.at, default=None)
    letter = min((d for d in seen.dead_letters if _post_id(d) == post_id), key=lambda d: d.at, default=None)
    case = _case_name(verdict.case_id if verdict else None, seen)
    decision = verdict.decision if verdict else None
    acted_on = _acted_on(post_id, seen)
    spoke = verdict.evidence if verdict and verdict.case_id else []
    return PostResult(
        post_id=post_id,
        what=demo.what,
        kind=demo.kind,
        expected=demo.expected,
        expected_case=demo.case,
        decision=decision,
        case=case,
        probability=verdict.probability if verdict else None,
        modalities=list(dict.fromkeys(evidence.modality for evidence in spoke)),
        where=[_where(evidence) for evidence in spoke],
        why=[f"{added.why} ({added.added:+.1f})" for added in verdict.contributions] if verdict else [],
        seconds=_seconds(post_id, _event(verdict, takedown, letter), seen),
        dead_letter_reason=letter.reason if letter else None,
        found=demo.case is not None and demo.case in acted_on | _reviewed(post_id, seen),
        wrong_act=bool(acted_on - ({demo.case} if demo.kind == "copy" else set())),
        takedown_id=takedown.takedown_id if takedown else None,
        verdict_id=verdict.verdict_id if verdict else None,
    )


def _strength(verdict: Verdict) -> tuple[int, float, datetime]:
    return DECISIONS.index(verdict.decision), verdict.probability, verdict.decided_at


def _case_name(case_id: str | None, seen: Seen) -> str | None:
    """Return a case's pseudonym, its id if the demo did not open it."""
    opened = seen.cases.get(case_id or "")
    return opened.name if opened else case_id


def _acted_on(post_id: str, seen: Seen) -> set[str | None]:
    """Return the cases for which a post was acted on at any time, by a verdict or by a takedown."""
    acts = {v.case_id for v in seen.verdicts if v.post.post_id == post_id and v.decision == "act"}
    told = {t.case_id for t in seen.takedowns if t.post.post_id == post_id}
    return {_case_name(case_id, seen) for case_id in acts | told}


def _reviewed(post_id: str, seen: Seen) -> set[str | None]:
    ids = {v.case_id for v in seen.verdicts if v.post.post_id == post_id and v.decision == "review"}
    return {_case_name(case_id, seen) for case_id in ids}


def _post_id(letter: DeadLetter) -> str:
    """Return the post a dead letter is about: keys start with its id everywhere but in cases and takedowns."""
    return (letter.key or b"").decode(errors="replace").split("/")[0].strip()


def _where(evidence: Evidence) -> Where:
    query, reference = evidence.query, evidence.reference
    return Where(
        modality=evidence.modality,
        medium=evidence.medium,
        query=(query.start_s, query.end_s),
        reference=(reference.start_s, reference.end_s),
    )


def _event(
    verdict: Verdict | None, takedown: Takedown | None, letter: DeadLetter | None
) -> tuple[datetime, str | None] | None:
    """Return when the strongest thing that came of a post was told, and of which case."""
    if takedown is not None:
        return takedown.at, takedown.case_id
    if verdict is not None and verdict.decision != "dismiss":
        return verdict.decided_at, verdict.case_id
    return (letter.at, None) if letter is not None else None


def _seconds(post_id: str, event: tuple[datetime, str | None] | None, seen: Seen) -> float | None:
    if event is None or post_id not in seen.fed_at:
        return None
    at, case_id = event
    opened = seen.cases.get(case_id or "")
    start = max(seen.fed_at[post_id], opened.opened_at) if opened else seen.fed_at[post_id]
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
        latency_p50_s=_percentile(seconds, 50),
        latency_p99_s=_percentile(seconds, 99),
    )


def _percentile(seconds: Sequence[float], percent: float) -> float | None:
    """Return a latency that was measured, never one between two: the least that covers so many per cent."""
    return float(np.percentile(seconds, percent, method="inverted_cdf")) if seconds else None
