"""Join state of one post as it is stored: what has arrived, what was found and what was decided."""

import msgspec

from schemas.messages import EVERY_MODALITY, Decision, Modality, Parts, PostRef, Verdict
from streams.fusion.looks import Looks
from streams.fusion.pieces import Piece


class JoinState(msgspec.Struct, kw_only=True, rename={"arrived": "heard"}):  # as earlier versions wrote it
    """Join state of one post.

    Attributes
    ----------
    arrived
        Numbers of the segments whose scores have arrived, by modality.
    deadline_s
        When to close the post, seconds since the epoch; once closed, when to evict its state.
    trace
        Trace headers of the last record, for the verdicts that a deadline brings.
    links
        Addresses and handles in the post.
    explicit
        Highest rating of how explicit its segments are; None where none was rated.
    looks
        Second looks at it.
    """

    post: PostRef
    parts: Parts
    deadline_s: float
    arrived: dict[Modality, set[int]] = {}
    evidence: dict[str, list[Piece]] = {}
    decided: dict[str, Decision] = {}
    closed: bool = False
    trace: dict[str, bytes] = {}
    links: list[str] = []
    explicit: float | None = None
    looks: Looks = msgspec.field(default_factory=Looks)

    @property
    def is_settled(self) -> bool:
        """True if the post is closed and no answer to a look is waited for."""
        return self.closed and not self.looks.is_waiting

    @property
    def is_complete(self) -> bool:
        """True if the numbers of the parts are final and the scores of all of them have arrived."""
        return not self.parts.pending and not self.missing()

    def missing(self) -> list[Modality]:
        """Return the modalities of which scores are missing."""
        return [m for m in EVERY_MODALITY if len(self.arrived.get(m, ())) < getattr(self.parts, m)]

    def mark_delivered(self, verdicts: list[Verdict]) -> None:
        """Record the decisions of delivered verdicts: only a higher decision makes another verdict."""
        for verdict in verdicts:
            if verdict.case_id is not None:
                self.decided[verdict.case_id] = verdict.decision
