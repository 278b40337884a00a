"""Outcomes of checked posts: verdicts, takedowns and dead letters joined until each post has its answer."""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime

import msgspec

from schemas.ids import record_id
from schemas.messages import DeadLetter, Evidence, Message, Post, Takedown, Verdict
from streams.desk.checking.answer import Answer, Found, Result
from streams.desk.checking.resolved import Resolved

LETTER_S = 2.0
"""Wait for a dead letter after the last verdict of a post that resembles no case: it has another topic, whose records
may come later. Decode writes it before the verdict's scores are joined."""
TAKEDOWN_S = 3.0
"""Wait for the takedown of a verdict to act; then the takedowns of earlier verdicts are looked through."""
_ID_CHARS = 36
_CLOSING = frozenset({"complete", "deadline"})

type SeenAt = Callable[[DeadLetter], datetime | None]
"""Returns when the post of a dead letter was seen, None where its original cannot be decoded."""


class Outcome:
    """What the topics have of one checked post.

    Parameters
    ----------
    cases
        Cases that are shown; None for all.
    written_s
        When the post was written, on the clock of the caller.
    """

    def __init__(
        self, address: str, post: Post, resolved: Resolved, cases: Collection[str] | None, written_s: float
    ) -> None:
        self.address, self.post, self._resolved, self._cases = address, post, resolved, cases
        self.written_s = written_s
        self.verdicts: dict[str, Verdict] = {}
        self.takedowns: dict[str, Takedown] = {}
        self.was_searched = False
        """Whether the takedowns of earlier verdicts were looked through."""
        self._letter: DeadLetter | None = None
        self._closed_s: float | None = None
        self._acted_s: float | None = None

    def add_verdict(self, verdict: Verdict, now_s: float) -> None:
        """Take in a verdict; an earlier one of the same address is of an earlier check."""
        if verdict.post.seen_at < self.post.seen_at:
            return
        if verdict.reason in _CLOSING and self._closed_s is None:
            self._closed_s = now_s
        case_id = verdict.case_id
        if case_id is None or verdict.decision == "dismiss" or not (self._cases is None or case_id in self._cases):
            return
        self.verdicts[case_id] = verdict
        if verdict.decision == "act" and self._acted_s is None:
            self._acted_s = now_s

    def add_takedown(self, event: Takedown) -> None:
        """Take in a takedown's event, also of another post at the same address."""
        known = self.takedowns.get(event.case_id)
        if known is None or _precedence(self.post, event) >= _precedence(self.post, known):
            self.takedowns[event.case_id] = event

    def add_letter(self, letter: DeadLetter, seen_at: datetime | None) -> None:
        """Take in a dead letter of any stage; an earlier one of the same address is of an earlier check."""
        if letter.redriven_at is None and (seen_at or letter.at) >= self.post.seen_at:
            self._letter = letter

    def lacks_takedown(self, now_s: float) -> bool:
        """Return whether a verdict to act has waited long enough for its takedown, so that an earlier one is likely."""
        is_due = self._acted_s is not None and now_s - self._acted_s >= TAKEDOWN_S
        return is_due and not self.was_searched and bool(self._without_takedown())

    def is_answered(self, now_s: float) -> bool:
        """Return whether nothing further changes the answer: a copy and what follows from it, or all was looked at."""
        if any(verdict.decision == "act" for verdict in self.verdicts.values()):
            return not self._without_takedown()
        return self._closed_s is not None and (
            bool(self.verdicts) or self._letter is not None or now_s - self._closed_s >= LETTER_S
        )

    def answer(self) -> Answer:
        """Return the answer as far as it is known."""
        unread, found = self._letter or self._resolved.missing, [self._found(one) for one in self.verdicts.values()]
        found.sort(key=lambda one: (-one.probability, one.case_id))
        decisions = {one.decision for one in found}
        answered: Result = "unread" if unread is not None else "nothing" if self._closed_s is not None else "waiting"
        return Answer(
            address=self.address,
            result="act" if "act" in decisions else "review" if found else answered,
            post_id=self.post.post_id,
            found=found,
            reason=unread.reason if unread is not None else "",
            detail=unread.detail if unread is not None else "",
            media=len(self._resolved.media),
            media_named=self._resolved.n_named,
        )

    def _without_takedown(self) -> list[str]:
        acts = [case_id for case_id, verdict in self.verdicts.items() if verdict.decision == "act"]
        return [case_id for case_id in acts if case_id not in self.takedowns]

    def _found(self, verdict: Verdict) -> Found:
        assert verdict.case_id is not None
        assert verdict.decision != "dismiss"
        event = self.takedowns.get(verdict.case_id)
        return Found(
            case_id=verdict.case_id,
            decision=verdict.decision,
            probability=verdict.probability,
            evidence=[_bare(piece) for piece in verdict.evidence],
            takedown_id=event.takedown_id if event is not None else "",
            takedown=event.state if event is not None else None,
            takedown_at=event.at if event is not None else None,
            held_for=event.held_for if event is not None else [],
        )


class Outcomes:
    """Outcomes of all posts of one call.

    Parameters
    ----------
    seen_at
        Reader of dead letters' originals.
    """

    def __init__(self, seen_at: SeenAt) -> None:
        self._seen_at = seen_at
        self._open: dict[str, Outcome] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, outcome: Outcome) -> None:
        """Follow one more post."""
        self._open[outcome.post.post_id] = outcome

    def has(self, post_id: str) -> bool:
        """Return whether a post is followed: two addresses may lead to one page."""
        return post_id in self._open

    def apply(self, message: Message, now_s: float) -> None:
        """Take in a message of any topic; those of other posts change nothing."""
        if isinstance(message, Verdict) and (outcome := self._open.get(message.post.post_id)) is not None:
            outcome.add_verdict(message, now_s)
        elif isinstance(message, Takedown) and (outcome := self._open.get(message.post.post_id)) is not None:
            outcome.add_takedown(message)
        elif isinstance(message, DeadLetter):
            post_id = (message.key or b"").decode(errors="replace")[:_ID_CHARS]
            if (outcome := self._open.get(post_id)) is not None:
                outcome.add_letter(message, self._seen_at(message))

    def answered(self, now_s: float, patience_s: float) -> Iterator[Outcome]:
        """Yield the posts that have their answer, or had all their time, and follow them no further."""
        for post_id, outcome in list(self._open.items()):
            if outcome.is_answered(now_s) or now_s - outcome.written_s >= patience_s:
                del self._open[post_id]
                yield outcome

    def lacking_takedowns(self, now_s: float) -> list[Outcome]:
        """Return the posts for which the takedowns of earlier verdicts are to be looked through."""
        return [outcome for outcome in self._open.values() if outcome.lacks_takedown(now_s)]


def apply_earlier(outcomes: Iterable[Outcome], event: Takedown) -> None:
    """Take in an earlier event of a takedown of the same post, or of another post at the same address."""
    for outcome in outcomes:
        if event.takedown_id == record_id("takedown", outcome.post.post_id, event.case_id) or (
            event.post.url == outcome.post.url and event.post.platform == outcome.post.platform
        ):
            outcome.add_takedown(event)


def _precedence(post: Post, event: Takedown) -> tuple[bool, datetime]:
    """Return the sort key of events of one case: of the post itself before others at its address, then by time."""
    return event.post.post_id == post.post_id, event.at


def _bare(piece: Evidence) -> Evidence:
    return msgspec.structs.replace(piece, thumbnail=None)
