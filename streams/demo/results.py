"""Results of the demo: a row for each post, the figures of the run, and whether all is as expected."""

import msgspec

from schemas.messages import Decision, Modality
from streams.demo.live_view import DECISIONS
from streams.demo.scenario import Expected, Kind


class AlignedInterval(msgspec.Struct, frozen=True, kw_only=True):
    """One aligned interval of a post's medium and of a reference, seconds."""

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
    """Strongest decision over all cases; None without a verdict."""
    case: str | None
    probability: float | None
    modalities: list[Modality]
    """Modalities with evidence, strongest first."""
    where: list[AlignedInterval]
    why: list[str]
    """Contribution of each modality, the largest first, as text and log-odds."""
    seconds: float | None
    """From post to event (takedown, else verdict for review, else dead letter); from the case's opening if later."""
    dead_letter_reason: str | None
    found: bool
    """Whether a post that belongs to a case has act or review for that case."""
    wrong_act: bool
    """Whether it was acted on for a case of which it contains no copy."""
    takedown_id: str | None
    verdict_id: str | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of the run."""

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
    """Posts with a verdict to act and without a takedown event."""
    unexpected: int
    """Posts with another decision than the expected one."""
    notices: int = 0
    """Takedowns whose notice was written, in a dry run."""
    looked_at_again: int = 0
    """Posts with a second look."""
    latency_p50_s: float | None
    latency_p99_s: float | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Content of the `--json` file."""

    summary: Summary
    posts: list[PostResult]

    @property
    def passed(self) -> bool:
        """Whether every decision is the expected one, for the right case, and no dead letter or takedown is missing."""
        return self.is_complete and not (self.summary.wrong_acts or self.summary.unexpected)

    @property
    def is_complete(self) -> bool:
        """Whether no copy, dead letter or takedown is missing, and no decision may still become the expected one."""
        reached = all(_rank(post.decision) >= _rank(post.expected) for post in self.posts)
        return reached and not (self.summary.missed or self.summary.unexplained or self.summary.untold)


def is_as_expected(result: PostResult) -> bool:
    """Return whether a post has the expected decision."""
    return _rank(result.decision) == _rank(result.expected)


def to_json(made: Report) -> bytes:
    """Return the report as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(made), indent=2)


def _rank(decision: Decision | Expected | None) -> int:
    return DECISIONS.index("dismiss" if decision is None or decision == "none" else decision)
