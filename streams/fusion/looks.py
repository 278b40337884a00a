"""Second looks of a post: stretches of its media that are decoded again, every frame, where there is perhaps a copy.

The answer to a look has seen more of its stretch than the first pass, so it replaces the first pass's evidence of
pictures there, in whatever order the two arrive and however often. Plain values, no Kafka.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from schemas.ids import record_id
from schemas.messages import Contribution, Evidence, Look, LookReason, Scores, Segment

MAX_LOOKS = 4
"""Looks at one post, whatever is found in it."""
LONGEST_S = 60.0
"""Longest stretch."""
_MARGIN_S = 5.0
"""Added to the evidence's interval on both sides, so that its ends are seen too."""
_MAX_MEDIA = 64
"""Media of one post whose address is kept; the evidence of further ones is not looked at again."""
_MOST = 0.9
"""Share of an interval from which a stretch covers it."""
_NO_ANSWER = "no answer in time"


class Place(NamedTuple):
    """An interval of a medium, seconds."""

    medium: int
    start_s: float
    end_s: float

    def covers(self, other: "Place") -> bool:
        """Return whether most of another interval lies in this one."""
        if self.medium != other.medium:
            return False
        if other.end_s <= other.start_s:
            return self.start_s <= other.start_s <= self.end_s
        both_s = min(self.end_s, other.end_s) - max(self.start_s, other.start_s)
        return both_s >= _MOST * (other.end_s - other.start_s)


class SeenMedium(msgspec.Struct, frozen=True):
    """A medium with pictures: its address, and where its last segment so far ends, seconds."""

    url: str
    end_s: float


class Answer(msgspec.Struct, frozen=True):
    """What a look has seen, and why it has not seen all of it, if so."""

    place: Place
    gone: str = ""


class Looks(msgspec.Struct, kw_only=True):
    """Looks at one post.

    Attributes
    ----------
    media
        Media with pictures, by number.
    late
        Numbers of the looks asked for after late scores.
    answers
        By number. Also of looks that this state never asked for: it may have been evicted meanwhile, and a replay's
        fusion is given recorded answers.
    missing
        Numbers of the looks without an answer in time.
    """

    media: dict[int, SeenMedium] = {}
    asked: list[Look] = []
    late: set[int] = set()
    answers: dict[int, Answer] = {}
    missing: set[int] = set()

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still waited for."""
        return any(look.number not in self.answers and look.number not in self.missing for look in self.asked)

    def note(self, scores: Scores) -> None:
        """Keep the address of a medium, or the answer that these scores are."""
        segment = scores.segment
        end_s = segment.start_s + segment.duration_s
        if scores.look:
            self.missing.discard(scores.look)
            if scores.look not in self.answers or not scores.gone:
                place = Place(segment.medium, segment.start_s, end_s)
                self.answers[scores.look] = Answer(place, scores.gone)
        elif segment.url and _has_pictures(scores):
            known = self.media.get(segment.medium)
            if known is not None or len(self.media) < _MAX_MEDIA:
                self.media[segment.medium] = SeenMedium(segment.url, max(end_s, known.end_s if known else 0.0))

    def replaces(self, piece: Evidence) -> bool:
        """Return whether a look covers the whole place where the first pass found this piece."""
        if piece.modality != "visual":
            return False
        place = self._place(piece)
        return any(answer.place.covers(place) for answer in self.answers.values() if not answer.gone)

    def ask(self, cases: Iterable[Sequence[Evidence]], whole: Segment, at: datetime, *, late: bool) -> None:
        """Ask for a look at each place with evidence that none covers yet, as far as the limit allows.

        Where only words name a case, the first minute of each medium is looked at.

        Parameters
        ----------
        cases
            Evidence of each case that is found perhaps, likeliest case and strongest piece first.
        whole
            A segment of the post, for its identity and parts.
        """
        for pieces in cases:
            found = [self._place(one) for one in pieces if one.modality != "text" and one.medium in self._moving]
            reason: LookReason = "found" if found else "named"
            for place in found or list(self._beginnings()):
                if len(self.asked) < MAX_LOOKS and not any(_place_of(look).covers(place) for look in self.asked):
                    self._add(self._look(place, reason, whole, at), late=late)

    def give_up(self) -> None:
        """Wait no longer for answers."""
        self.missing |= {look.number for look in self.asked} - self.answers.keys()

    def shortfalls(self) -> Iterator[Contribution]:
        """Yield why a look did not cover its stretch, for the person who decides."""
        for look in self.asked:
            answer = self.answers.get(look.number)
            if why := _NO_ANSWER if look.number in self.missing else answer.gone if answer else "":
                start_s, end_s = look.segment.start_s, look.segment.start_s + look.segment.duration_s
                where = f"medium {look.segment.medium}, {start_s:.0f}-{end_s:.0f} s"
                yield Contribution(modality="visual", added=0.0, why=f"no second look at {where}: {why}")

    @property
    def _moving(self) -> dict[int, SeenMedium]:
        """The media that are not pictures, of which the first pass has seen all."""
        return {number: medium for number, medium in self.media.items() if medium.end_s > 0.0}

    def _place(self, piece: Evidence) -> Place:
        """Return the interval of a medium that a piece and all its passages lie in.

        An alignment extends a passage half a step beyond its last frame, which may be beyond the end of the medium.
        """
        intervals = [piece.query, *(passage.query for passage in piece.passages)]
        start_s, end_s = min(one.start_s for one in intervals), max(one.end_s for one in intervals)
        if (seen := self.media.get(piece.medium)) is not None:
            start_s, end_s = min(start_s, seen.end_s), min(end_s, seen.end_s)
        return Place(piece.medium, start_s, end_s)

    def _beginnings(self) -> Iterator[Place]:
        for number, medium in sorted(self._moving.items()):
            yield Place(number, 0.0, min(LONGEST_S, medium.end_s))

    def _add(self, look: Look, *, late: bool) -> None:
        self.asked.append(look)
        if late:
            self.late.add(look.number)

    def _look(self, place: Place, reason: LookReason, whole: Segment, at: datetime) -> Look:
        number = 1 + max([0, *(look.number for look in self.asked), *self.answers])
        medium = self.media[place.medium]
        stretch = place if reason == "named" else _widened(place, medium.end_s)
        segment = msgspec.structs.replace(
            whole,
            segment=number,
            medium=place.medium,
            start_s=stretch.start_s,
            duration_s=stretch.end_s - stretch.start_s,
            url=medium.url,
        )
        return Look(
            look_id=record_id("look", whole.post.post_id, number, *stretch),
            segment=segment,
            number=number,
            reason=reason,
            asked_at=at,
        )


def _has_pictures(scores: Scores) -> bool:
    """Return whether the medium of these scores may have pictures.

    Live it is their own scores that show it. A late search gives the scores of what matches only, perhaps the sound
    alone; a sound without pictures, in a post that has some, is answered as gone.
    """
    return scores.modality == "visual" or (scores.late and scores.segment.parts.visual > 0)


def _widened(place: Place, end_s: float) -> Place:
    """Return a place with a margin on both sides within its medium, its middle if that is too long."""
    first_s, last_s = max(0.0, place.start_s - _MARGIN_S), min(end_s, place.end_s + _MARGIN_S)
    if last_s - first_s > LONGEST_S:
        first_s = max(0.0, (place.start_s + place.end_s - LONGEST_S) / 2)
        last_s = first_s + LONGEST_S
    return Place(place.medium, first_s, last_s)


def _place_of(look: Look) -> Place:
    segment = look.segment
    return Place(segment.medium, segment.start_s, segment.start_s + segment.duration_s)
