"""Join state of one post, and the verdicts that follow from it; plain values, no Kafka.

A post is complete when the scores of all its parts have arrived. Before that, only enough evidence to act makes a
verdict. Once it is complete, or after its deadline, or when a new case finds an archived post, every higher decision
does. A decision is never lowered, unless the post is seen again after its verdict, as an address that is checked again
is: it is then judged from the beginning.

A case that is found perhaps, below the threshold to act, is looked at again, see looks.py. The post stays open until
the answers or its deadline come.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from models.fusion.model import FusionModel
from schemas.messages import Decision, Reason, Scores, Segment, Verdict
from streams.fusion.join_state import JoinState
from streams.fusion.pieces import Piece, joined, limited, piece_of
from streams.fusion.rules import Rules, perhaps
from streams.fusion.verdicts import dismissed, raised

_MAX_LINKS = 32
"""Kept per post, the first in the alphabet, so that the result does not depend on the order of its segments."""


class PostState(JoinState, kw_only=True):
    """Join state of one post as scores are added to it."""

    def add(self, scores: Scores, rules: Rules, now_s: float) -> list[Verdict]:
        """Add one segment's scores and return the verdicts that follow; adding them again changes nothing."""
        self._merge(scores, rules)
        # A late score of a post that is still arriving waits for it: a review would have a part of the evidence.
        is_arriving = not self.closed and bool(self.arrived)
        is_late = (scores.late or scores.look in self.looks.late) and not is_arriving
        if self.closed or self.is_complete or is_late:
            self._ask(scores.segment, rules, now_s, late=is_late)
        if self.is_complete and not self.closed and not self.looks.is_waiting:
            return self._close("complete", rules, now_s)
        # While a post is open more scores may come, so a review waits until it is closed. Late scores wait for nothing
        # but their looks.
        least: Decision = "review" if (is_late or self.closed) and not self.looks.is_waiting else "act"
        in_time: Reason = "complete" if self.is_complete else "early"
        return raised(self, rules, "late" if is_late else in_time, now_s, least)

    def _merge(self, scores: Scores, rules: Rules) -> None:
        """Add the evidence of scores, their links and rating, and what has arrived with them."""
        self.looks.note(scores)
        self._drop_replaced()
        if self._is_newer(scores):
            self.post = scores.segment.post  # its other scores are then no newer: one verdict is of both times
        for case_id in dict.fromkeys(found.case_id for found in scores.matches):
            if case_id in rules.policies:
                found = (piece_of(scores, each, rules.model) for each in scores.matches if each.case_id == case_id)
                self._add_evidence(case_id, self._not_replaced(found), rules.model)
        self.evidence = limited(self.evidence)
        # Links and rating are for reviewers only and take no part in the decision.
        self.links = sorted({*self.links, *scores.links})[:_MAX_LINKS]
        if scores.explicit is not None:
            self.explicit = max(scores.explicit, self.explicit or 0.0)
        if not (scores.late or scores.look):
            self.arrived.setdefault(scores.modality, set()).add(scores.segment.segment)
            if self.parts.pending and not scores.segment.parts.pending:
                self.parts = scores.segment.parts

    def close(self, rules: Rules, now_s: float) -> list[Verdict]:
        """Close the post at its deadline; return the verdicts on the scores and looks that have arrived."""
        if self.is_settled:
            return []
        self.looks.give_up()
        # One that was closed before has waited for looks at what late scores have found.
        return raised(self, rules, "late", now_s, "review") if self.closed else self._close("deadline", rules, now_s)

    def is_judged_before(self, scores: Scores) -> bool:
        """Return whether the post is settled, and these scores are of a later time at which it was seen again."""
        return self.is_settled and self._is_newer(scores)

    def _is_newer(self, scores: Scores) -> bool:
        """Return whether first-pass scores are of a later time at which the post was seen."""
        return not (scores.late or scores.look) and scores.segment.post.seen_at > self.post.seen_at

    def _ask(self, whole: Segment, rules: Rules, now_s: float, *, late: bool) -> None:
        """Ask for second looks at what is found perhaps."""
        if cases := perhaps(self.evidence, self.decided, rules):
            whole = msgspec.structs.replace(whole, parts=self.parts)
            self.looks.ask(cases, whole, datetime.fromtimestamp(now_s, UTC), late=late)

    def _drop_replaced(self) -> None:
        """Drop the first pass's evidence where a look has seen more, and cases of which nothing else was found."""
        if not self.looks.answers:
            return
        for case_id, pieces in list(self.evidence.items()):
            self.evidence[case_id] = self._not_replaced(pieces)
            if not self.evidence[case_id]:
                del self.evidence[case_id]

    def _not_replaced(self, pieces: Iterable[Piece]) -> list[Piece]:
        return [piece for piece in pieces if piece.look or not self.looks.replaces(piece)]

    def _add_evidence(self, case_id: str, pieces: Iterable[Piece], model: FusionModel) -> None:
        if found := joined(self.evidence.get(case_id, []), pieces, model):
            self.evidence[case_id] = found

    def _close(self, reason: Reason, rules: Rules, now_s: float) -> list[Verdict]:
        self.closed = True
        verdicts = raised(self, rules, reason, now_s, "dismiss")
        matched = any(case_id in rules.policies for case_id in self.evidence)
        # State that late scores alone have made is of a post whose live verdict was delivered long ago.
        if not matched and self.arrived and not self.decided:  # a look may have replaced what was acted on
            verdicts.append(dismissed(self, rules, reason, now_s))
        return verdicts
