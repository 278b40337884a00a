"""Rate limit on takedowns that rest on one unconfirmed reference.

A test card, a popular song or a common intro taken for a victim's file would send a platform thousands of false
notices. So no more than a set number of takedowns an hour may rest on a reference that nobody has confirmed; later ones
are held. The takedowns topic holds the whole state: issued events are counted, and held events name their references.
These stay under quarantine, over any restart, until a person confirms or withdraws them.

A takedown is held likewise while its case waits for a second person; the held event then names the case.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from schemas.messages import Evidence, StandingKind, State, Takedown, Verdict
from streams.cases.reference_reviews import ReferenceReviews
from streams.takedown.four_eyes import FourEyes
from streams.takedown.life import labelled
from streams.takedown.log import TakedownLog

WINDOW = timedelta(hours=1)
_LEAST_WAIT_S = 60.0

type Basis = Verdict | Takedown
"""Basis of a takedown: its evidence, and the probability from which to act."""


class TakedownDecision(NamedTuple):
    """State that the takedown of a post is to take."""

    state: State
    """Issued; held; or withdrawn when no remaining evidence is sufficient."""
    held_for: Sequence[str] = ()
    """Quarantined references on which it rests, after the case if that waits for its second person."""


class Quarantine:
    """Rate limit of takedowns by reference.

    Parameters
    ----------
    max_takedowns
        Takedowns an hour that may rest on an unconfirmed reference; 0 means no limit.
    four_eyes
        Rule about the second person of a case; None if no case waits for one.
    """

    def __init__(
        self,
        takedown_log: TakedownLog,
        reviews: ReferenceReviews,
        max_takedowns: int,
        four_eyes: FourEyes | None = None,
    ) -> None:
        self._log = takedown_log
        self._reviews = reviews
        self._max_takedowns = max_takedowns
        self._four_eyes = four_eyes
        self._quarantined: dict[str, set[str]] = defaultdict(set)
        # Of the last hour only, and per reference no more than decide: memory follows the active references.
        self._issued_at: OrderedDict[tuple[str, str], deque[datetime]] = OrderedDict()
        takedown_log.listen(self._apply)

    def listen(self, listener: Callable[[str, str, StandingKind | None], None]) -> None:
        """Call the listener with case, reference and kind of every changed review, on the event loop."""
        self._reviews.listen_reviews(listener)

    def reviews(self) -> Iterable[tuple[str, str, StandingKind]]:
        """Return case, reference and kind of every review."""
        return self._reviews.all()

    def cases(self) -> list[str]:
        """Return the cases with references under quarantine."""
        return list(self._quarantined)

    def forget(self, case_id: str) -> None:
        """Forget the quarantine of a closed case, so that memory follows the open ones."""
        self._quarantined.pop(case_id, None)

    async def current(self) -> None:
        """Return once all takedowns and reviews written before this call have been applied: a read barrier."""
        await self._log.current()
        await self._reviews.current()

    def decide(self, case_id: str, basis: Basis, now: datetime) -> TakedownDecision:
        """Return the decision on a takedown by the current reviews of the case's references.

        A takedown that a person wants is under no rate limit, and any of its evidence is sufficient. It waits for the
        second person of its case all the same: whoever opens a false case could also label posts as copies.
        """
        withdrawn = self._reviews.references(case_id, "withdrawn")
        if not is_supported(basis, withdrawn):
            return TakedownDecision("withdrawn")
        limited = set() if is_wanted(basis) else self._limited(case_id, basis, now) - withdrawn
        unseen = self._unseen(case_id, basis)
        if is_supported(basis, withdrawn | limited | unseen) and (basis.evidence or not unseen):
            return TakedownDecision("issued")
        held_for = sorted(limited & supporting_references(basis)) or sorted(limited)
        return TakedownDecision("held", [case_id, *held_for] if unseen else held_for)

    def limited_for_s(self, case_id: str, basis: Basis, now: datetime) -> float | None:
        """Return when to decide on a held takedown again, seconds from now; None if it waits for a review."""
        held_for = self._quarantined.get(case_id, set()) - self._reviews.references(case_id, "confirmed")
        held_for |= self._unseen(case_id, basis)
        if not is_supported(basis, held_for | self._reviews.references(case_id, "withdrawn")):
            return None
        ends = [
            self._issued_at[case_id, reference_id][0] + WINDOW
            for reference_id in self._limited(case_id, basis, now) - held_for
        ]
        return max(_LEAST_WAIT_S, (min(ends) - now).total_seconds()) if ends else None

    def _unseen(self, case_id: str, basis: Basis) -> set[str]:
        """Return the references of the evidence that no second person has confirmed; the empty one without evidence."""
        if self._four_eyes is None:
            return set()
        references = {evidence.reference_id for evidence in basis.evidence} or {""}
        return self._four_eyes.unconfirmed(case_id, references)

    def _limited(self, case_id: str, basis: Basis, now: datetime) -> AbstractSet[str]:
        """Return the references of the evidence that are under quarantine or have reached the limit."""
        references = {evidence.reference_id for evidence in basis.evidence}
        unconfirmed = references - self._reviews.references(case_id, "confirmed")
        quarantined = self._quarantined.get(case_id, set())
        return {one for one in unconfirmed if one in quarantined or self._is_at_limit(case_id, one, now)}

    def _is_at_limit(self, case_id: str, reference_id: str, now: datetime) -> bool:
        issued = sum(at > now - WINDOW for at in self._issued_at.get((case_id, reference_id), ()))
        return 0 < self._max_takedowns <= issued

    def _apply(self, event: Takedown) -> None:
        if event.state == "held":
            self._quarantined[event.case_id].update(set(event.held_for) - {event.case_id})
        elif event.state == "issued" and not is_wanted(event):
            for reference_id in supporting_references(event):
                self._count(event.case_id, reference_id, event.at)

    def _count(self, case_id: str, reference_id: str, at: datetime) -> None:
        since = datetime.now(UTC) - WINDOW
        if at <= since or not self._max_takedowns:
            return
        times = self._issued_at.setdefault((case_id, reference_id), deque(maxlen=self._max_takedowns))
        times.append(at)
        self._issued_at.move_to_end((case_id, reference_id))
        while next(iter(self._issued_at.values()))[-1] <= since:
            self._issued_at.popitem(last=False)


def supporting_references(basis: Basis) -> set[str]:
    """Return the references of which each alone is sufficient to act; without any, the one with most probability."""
    sufficient = {evidence.reference_id for evidence in basis.evidence if _is_sufficient(evidence, basis.act_at)}
    if sufficient or not basis.evidence:
        return sufficient
    return {max((evidence.probability, evidence.reference_id) for evidence in basis.evidence)[1]}


def is_supported(basis: Basis, without: Collection[str]) -> bool:
    """Return whether the evidence without these references is still sufficient to act.

    Of what remains one piece of evidence must be sufficient alone: only fusion weighs several together. Where a person
    has decided that the post is a copy, any piece is.
    """
    remaining = [evidence for evidence in basis.evidence if evidence.reference_id not in without]
    if len(remaining) == len(basis.evidence):
        return True
    return any(is_wanted(basis) or _is_sufficient(evidence, basis.act_at) for evidence in remaining)


def is_wanted(basis: Basis) -> bool:
    """Return whether a person has decided that the post is a copy."""
    return isinstance(basis, Takedown) and labelled(basis) == "copy"


def _is_sufficient(evidence: Evidence, act_at: float) -> bool:
    return evidence.probability >= act_at
