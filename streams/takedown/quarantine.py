"""A reference that suddenly meets a flood of posts no longer acts by itself: a person is to look at it first.

A test card, a popular song or a common intro taken for a victim's file would send a platform thousands of false
notices. So no more than a set number of notices an hour rest on a reference that nobody has confirmed; what comes after
is held. The takedowns topic tells it all: notices are counted as they were issued, and what is held names the
references it is held for. These stay under quarantine, over any restart, until a person confirms or withdraws them.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.messages import Evidence, State, Takedown, Verdict
from streams.cases.reference_reviews import ReferenceReviews
from streams.takedown.log import TakedownLog

WINDOW = timedelta(hours=1)

type Cause = Verdict | Takedown
"""What says why a post is to go: its evidence, and the probability from which to act."""


class Fate(NamedTuple):
    """What is to become of a post that was found."""

    state: State
    """Issued, held, or withdrawn when nothing that still counts speaks for it."""
    held_for: Sequence[str] = ()
    """References under quarantine that it rests on."""


class Quarantine:
    """Decides by whose word posts are taken down.

    Parameters
    ----------
    most_posts
        Notices in an hour that may rest on a reference nobody has confirmed; 0 is no limit.
    """

    def __init__(self, takedown_log: TakedownLog, standings: ReferenceReviews, most_posts: int) -> None:
        self._log = takedown_log
        self._standings = standings
        self._most_posts = most_posts
        self._flooded: dict[str, set[str]] = defaultdict(set)
        self._notices: dict[tuple[str, str], deque[datetime]] = defaultdict(deque)
        takedown_log.listen(self._note)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call the listener whenever a person has spoken of a reference, on the event loop."""
        self._standings.listen(listener)

    async def current(self) -> None:
        """Return once all that was written of takedowns and of references before this call is seen here."""
        await self._log.current()
        await self._standings.current()

    def fate(self, case_id: str, cause: Cause, now: datetime) -> Fate:
        """Return what is to become of a post, by the case's references as they stand now."""
        withdrawn = self._standings.references(case_id, "withdrawn")
        if not stands(cause, withdrawn):
            return Fate("withdrawn")
        doubted = self._doubted(case_id, cause, now) - withdrawn
        if stands(cause, withdrawn | doubted):
            return Fate("issued")
        return Fate("held", sorted(doubted & carriers(cause)) or sorted(doubted))

    def _doubted(self, case_id: str, cause: Cause, now: datetime) -> AbstractSet[str]:
        """Return which of the references behind a post meet more posts than may pass unseen."""
        named = {evidence.reference_id for evidence in cause.evidence}
        unconfirmed = named - self._standings.references(case_id, "confirmed")
        flooded = self._flooded.get(case_id, set())
        return {name for name in unconfirmed if name in flooded or self._is_flood(case_id, name, now)}

    def _is_flood(self, case_id: str, reference_id: str, now: datetime) -> bool:
        issued = sum(at > now - WINDOW for at in self._notices.get((case_id, reference_id), ()))
        return 0 < self._most_posts <= issued

    def _note(self, event: Takedown) -> None:
        if event.state == "held":
            self._flooded[event.case_id].update(event.held_for)
        elif event.state == "issued":
            for reference_id in carriers(event):
                self._count(self._notices[event.case_id, reference_id], event.at)

    def _count(self, notices: deque[datetime], at: datetime) -> None:
        notices.append(at)
        while notices[0] <= at - WINDOW:
            notices.popleft()


def carriers(cause: Cause) -> set[str]:
    """Return the references of which each is reason enough to act; if none is alone, the one that says most."""
    alone = {evidence.reference_id for evidence in cause.evidence if _is_enough(evidence, cause.act_at)}
    if alone or not cause.evidence:
        return alone
    return {max((evidence.probability, evidence.reference_id) for evidence in cause.evidence)[1]}


def stands(cause: Cause, without: Collection[str]) -> bool:
    """Return whether there is still reason to act when these references count for nothing.

    By what is left one piece of evidence must be enough: how the rest would be weighed together is fusion's to say.
    """
    left = [evidence for evidence in cause.evidence if evidence.reference_id not in without]
    return len(left) == len(cause.evidence) or any(_is_enough(evidence, cause.act_at) for evidence in left)


def _is_enough(evidence: Evidence, act_at: float) -> bool:
    return evidence.probability >= act_at
