"""`jikimi reviews`: verdicts that wait for a person, minors first, then those that have waited longest."""

import asyncio
import shlex
from collections.abc import Collection, Iterator, Mapping
from typing import Literal

import msgspec
from rich.console import Console

from schemas.messages import Label, LabelDecision, Verdict
from streams.cases.labels import DECIDING, label_key, recent_labels
from streams.cases.open_cases import OpenCase, OpenCases
from streams.desk.hits.lines import evidence_lines, print_line
from streams.desk.local_time import LocalTime
from streams.errors import TransientError, UsageError
from streams.kafka.clients import create_codec
from streams.kafka.messages import each_message
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings

MAX_REVIEWS = 10_000
"""Reviews kept, about 5 kB each without their pictures; the later ones of more are counted only."""


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict that waits for a person."""

    verdict: Verdict
    minor: bool
    label: LabelDecision | Literal[""]
    """`unsure` if a person has looked and could not decide, `escalate` if another person has to; empty without one."""


class OpenReviews:
    """Verdicts to review without a takedown or a decision, by post and case.

    Parameters
    ----------
    cases
        Open cases by id; reviews of others are over.
    """

    def __init__(self, cases: Mapping[str, OpenCase]) -> None:
        self._cases = cases
        self._open: dict[str, Verdict] = {}
        self._undecided: dict[str, LabelDecision] = {}
        self.left_out = 0
        """Reviews beyond `MAX_REVIEWS`."""

    def add(self, verdict: Verdict) -> None:
        """Add a verdict, in the order of its topic; one to act ends the review of its post and case."""
        if verdict.case_id not in self._cases or verdict.case_id is None:
            return
        key = label_key(verdict.post.post_id, verdict.case_id)
        if verdict.decision != "review":
            self._open.pop(key, None)
        elif key in self._open or len(self._open) < MAX_REVIEWS:
            self._open[key] = _without_pictures(verdict)
        else:
            self.left_out += 1

    def decide(self, label: Label) -> None:
        """Apply a label, after all verdicts; the last one of a post and case is in force."""
        key = label_key(label.post_id, label.case_id)
        if label.decision in DECIDING:
            self._open.pop(key, None)
        else:
            self._undecided[key] = label.decision

    def sorted(self) -> list[Review]:
        """Return the open reviews: those of minors first, then by the time of the verdict."""
        reviews = [
            Review(
                verdict=verdict,
                minor=self._cases[verdict.case_id or ""].minor,
                label=self._undecided.get(key, ""),
            )
            for key, verdict in self._open.items()
        ]
        return sorted(reviews, key=lambda review: (not review.minor, review.verdict.decided_at))


async def print_reviews(
    settings: Settings,
    console: Console,
    case_id: str | None,
    *,
    json: bool,
    only: Collection[str] | None = None,
) -> None:
    """Print the open reviews, of one case or all that are visible.

    Raises
    ------
    UsageError
        The broker does not answer, or there is no such open case.
    """
    reviews = await _read(settings, case_id, only)
    found = reviews.sorted()
    if json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())  # noqa: T201 - output of a command
        return
    for review in found:
        for line in review_lines(review, LocalTime(settings)):
            print_line(console, line)
    more = f", and {reviews.left_out} later ones" if reviews.left_out else ""
    how = ": decide each with `jikimi label POST CASE copy|other|unsure|escalate`" if found else ""
    print_line(console, f"{len(found)} reviews wait{more}{how}")


def review_lines(review: Review, zone: LocalTime) -> Iterator[str]:
    """Yield a review's address, its evidence on both sides, and the command that decides it."""
    verdict = review.verdict
    minor = "  minor" if review.minor else ""
    so_far = {"unsure": "  unsure so far", "escalate": "  escalated: another person decides"}.get(review.label, "")
    yield f"{zone.second(verdict.decided_at)}  {verdict.case_id}  {verdict.probability:.2f}{minor}{so_far}"
    author = f" by {verdict.post.author}" if verdict.post.author else ""
    yield f"    {verdict.post.url}{author}, posted {zone.second(verdict.post.published_at)}"
    yield from (f"    {line}" for line in evidence_lines(verdict.evidence))
    yield f"    jikimi label {shlex.quote(verdict.post.post_id)} {verdict.case_id} copy"


async def _read(settings: Settings, case_id: str | None, only: Collection[str] | None) -> OpenReviews:
    cases = {one: case for one, case in (await _open_cases(settings)).items() if only is None or one in only}
    if case_id is not None and case_id not in cases:
        raise UsageError(f"no case {case_id}: `jikimi case list` shows the open ones")
    reviews = OpenReviews({one: case for one, case in cases.items() if case_id in {None, one}})
    await each_message(settings, "verdicts", Verdict, reviews.add, case_id or "")
    for label in await asyncio.to_thread(recent_labels, settings, case_id or ""):
        reviews.decide(label)
    return reviews


async def _open_cases(settings: Settings) -> dict[str, OpenCase]:
    def give_up(error: Exception) -> None:
        raise error

    cases = OpenCases(settings, create_codec(settings), give_up)
    await asyncio.to_thread(wait_for_broker, settings)
    try:
        await cases.start()
    except TransientError as error:
        raise UsageError(error.detail) from error
    finally:
        await cases.stop()
    return {case_id: case for case_id in cases.case_ids() if (case := cases.case(case_id)) is not None}


def _without_pictures(verdict: Verdict) -> Verdict:
    evidence = [msgspec.structs.replace(each, thumbnail=None) for each in verdict.evidence]
    return msgspec.structs.replace(verdict, evidence=evidence)
