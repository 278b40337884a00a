"""Findings of matching and fusion for an upload: probability of each case, by modality and interval."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from models.fusion.model import FusionModel
from schemas.messages import MODALITIES, Case, Descriptors, Evidence, Look, Modality, Policy, Reference, Verdict
from streams.fusion.post_state import PostState
from streams.fusion.rules import Rules
from streams.match.reference_index import ReferenceIndex
from streams.match.scores import scores_record

_OPENED = datetime(2026, 1, 1, tzinfo=UTC)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence that an upload copies one case."""

    case: str
    probability: float
    acted: bool
    """Whether the policy issues a takedown."""
    reviewed: bool = False
    """Whether the policy asks a person, at some time before the last evidence or at the end."""
    scores: dict[Modality, float]
    """Highest score of each modality that found the case."""
    probabilities: dict[Modality, float]
    """Probability from each modality alone."""
    intervals: dict[Modality, tuple[float, float]]
    """Interval of the upload in which each modality found the case, seconds."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """Interval of the most probable modality that has one."""
        if not self.intervals:
            return None
        return self.intervals[max(self.intervals, key=lambda modality: self.probabilities[modality])]


def build_index(wanted: Iterable[tuple[str, Reference]], harmless: Iterable[tuple[str, Reference]]) -> ReferenceIndex:
    """Return the match stage's index, from case and piece of each reference."""
    entries = [
        (f"{case}/{n}", Case(case_id=case, name=case, opened_at=_OPENED, reference=piece, benign=benign), piece)
        for benign, pieces in ((False, wanted), (True, harmless))
        for n, (case, piece) in enumerate(pieces)
    ]
    return ReferenceIndex(entries)


class Upload:
    """An upload in fusion, as its descriptors arrive.

    Parameters
    ----------
    rules
        Those of fusion; they determine whether it asks for second looks.
    described
        All descriptors of the first pass.
    """

    def __init__(self, index: ReferenceIndex, rules: Rules, described: Sequence[Descriptors]) -> None:
        self._index, self._rules = index, rules
        self._state: PostState | None = None
        self._decided: dict[str, Verdict] = {}
        for each in described:
            self.add(each)

    def add(self, descriptors: Descriptors) -> None:
        """Add descriptors of the first pass, or the answer to a look."""
        if self._state is None:
            segment = descriptors.segment
            self._state = PostState(post=segment.post, parts=segment.parts, deadline_s=time.time() + 1e6)
        scores = scores_record(descriptors, self._index.search(descriptors))
        verdicts = self._state.add(scores, self._rules, time.time())
        self._state.mark_delivered(verdicts)
        self._decided |= _by_case(verdicts)

    @property
    def looks(self) -> list[Look]:
        """The looks that were asked for, answered or not."""
        return [] if self._state is None else list(self._state.looks.asked)

    def findings(self) -> list[Finding]:
        """Return the findings so far, most probable first, as if the post were closed now."""
        if self._state is None:
            return []
        state, decided = self._closed(self._state)
        # A verdict is not repeated, so the ranking uses the probability of all evidence at the end; but a look may have
        # replaced all that was acted on.
        acted = {case for case, verdict in decided.items() if verdict.decision == "act"}
        asked = {case for case, verdict in decided.items() if verdict.decision == "review"}
        evidence: dict[str, Sequence[Evidence]] = {case: decided[case].evidence for case in acted}
        findings = [
            _finding(case, kept, self._rules.model, acted=case in acted, reviewed=case in asked)
            for case, kept in (evidence | state.evidence).items()
        ]
        return sorted(findings, key=lambda found: -found.probability)

    def verdicts(self) -> dict[str, Verdict]:
        """Return the last verdict on each case, likewise."""
        return {} if self._state is None else self._closed(self._state)[1]

    def _closed(self, state: PostState) -> tuple[PostState, dict[str, Verdict]]:
        """Return a closed copy of the state, and the last verdict on each case."""
        closed = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=PostState)
        return closed, self._decided | _by_case(closed.close(self._rules, time.time()))


def judge(
    index: ReferenceIndex, model: FusionModel, policy: Policy, cases: Sequence[str], described: Sequence[Descriptors]
) -> list[Finding]:
    """Return the findings for an upload in one pass, most probable first; `described` are all its descriptors."""
    return Upload(index, Rules(model, dict.fromkeys(cases, policy)), described).findings()


def _by_case(verdicts: Iterable[Verdict]) -> dict[str, Verdict]:
    return {verdict.case_id: verdict for verdict in verdicts if verdict.case_id is not None}


def _finding(case: str, evidence: Sequence[Evidence], model: FusionModel, *, acted: bool, reviewed: bool) -> Finding:
    leaders = {m: found for m in MODALITIES if (found := _strongest(evidence, m)) is not None}
    return Finding(
        case=case,
        probability=model.judge(evidence).probability,
        acted=acted,
        reviewed=reviewed,
        scores={modality: found.score for modality, found in leaders.items()},
        probabilities={modality: found.probability for modality, found in leaders.items()},
        intervals={
            modality: (found.query.start_s, found.query.end_s)
            for modality, found in leaders.items()
            if found.query.end_s > found.query.start_s
        },
    )


def _strongest(evidence: Iterable[Evidence], modality: Modality) -> Evidence | None:
    found = [each for each in evidence if each.modality == modality]
    return max(found, key=lambda each: (each.probability, each.score), default=None)
