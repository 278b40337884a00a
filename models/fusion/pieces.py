"""What a fusion model looks at in a piece of evidence: how much of the post it covers, and who agrees on where."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

from schemas.messages import Evidence, Interval, Passage

_SAME_PLACE_S = 2.0
"""How far apart, in the reference, picture and sound of one place may be found: a still's and a window's width."""
_MAX_SPEED = 2.0
_SUBJECTS = {"visual": "pictures match", "audio": "sound matches"}


class Meeting(NamedTuple):
    """Picture and sound found at one place."""

    picture: Evidence
    sound: Evidence
    seconds: float
    """Length of the longest stretch on which they meet: the shorter one's."""

    @property
    def score(self) -> float:
        """The weaker one's."""
        return min(self.picture.score, self.sound.score)


def seconds(evidence: Evidence) -> float:
    """Return how much of the post's medium matches; what several passages cover counts once."""
    covered, end_s = 0.0, float("-inf")
    for stretch in sorted((passage.query for passage in passages(evidence)), key=lambda found: found.start_s):
        covered += max(0.0, stretch.end_s - max(stretch.start_s, end_s))
        end_s = max(end_s, stretch.end_s)
    return covered


def passages(evidence: Evidence) -> Sequence[Passage]:
    """Return the stretches found; of evidence that names none, the one it is about."""
    return evidence.passages or [
        Passage(
            query=evidence.query,
            reference=evidence.reference,
            speed=_speed(evidence.query, evidence.reference),
            score=evidence.score,
        )
    ]


def meetings(evidence: Iterable[Evidence]) -> list[Meeting]:
    """Return the pictures and sounds of one medium that were found at the same place of the same reference.

    They need not be found at the same moment: two stretches on one line between post and reference speak for each
    other, as pictures of one segment and sounds of the next do.
    """
    known = list(evidence)
    pictures = [piece for piece in known if piece.modality == "visual"]
    sounds = [piece for piece in known if piece.modality == "audio"]
    return [found for picture, sound in product(pictures, sounds) if (found := _meeting(picture, sound))]


def why(evidence: Evidence, *, agrees: bool) -> str:
    """Return in words what speaks for a copy, for the person who reviews."""
    if evidence.modality == "text" and evidence.terms:
        return f"{evidence.terms} of the case's terms found" if evidence.terms > 1 else "a term of the case found"
    likeness = f"score {evidence.score:.2f}"
    if evidence.modality == "text":
        return f"worded like the case, {likeness}"
    if evidence.modality not in _SUBJECTS:
        return f"a voice like that of {evidence.reference_id}, {likeness}; a person decides"
    return _where(evidence, likeness) + (", where picture and sound agree" if agrees else "")


def _where(evidence: Evidence, likeness: str) -> str:
    stretches, covered = len(passages(evidence)), seconds(evidence)
    told = f"{_SUBJECTS[evidence.modality]} {evidence.reference_id}"
    if covered > 0:
        told += f" for {covered:.1f} s"
    return f"{told} in {stretches} stretches, {likeness}" if stretches > 1 else f"{told}, {likeness}"


def _meeting(picture: Evidence, sound: Evidence) -> Meeting | None:
    if (picture.reference_id, picture.medium) != (sound.reference_id, sound.medium):
        return None
    met = [
        min(_length(seen.query), _length(heard.query))
        for seen, heard in product(passages(picture), passages(sound))
        if _on_one_line(seen, heard)
    ]
    return Meeting(picture, sound, max(met)) if met else None


def _on_one_line(one: Passage, other: Passage) -> bool:
    """Tell whether both map the middle of each stretch to about the same moment of the reference."""
    moments = (_middle(one.query), _middle(other.query))
    return all(abs(_mapped(one, moment) - _mapped(other, moment)) <= _SAME_PLACE_S for moment in moments)


def _mapped(passage: Passage, moment_s: float) -> float:
    return _middle(passage.reference) + passage.speed * (moment_s - _middle(passage.query))


def _speed(query: Interval, reference: Interval) -> float:
    if _length(query) <= _SAME_PLACE_S:
        return 1.0  # too short to tell
    return min(_MAX_SPEED, max(1 / _MAX_SPEED, _length(reference) / _length(query)))


def _length(stretch: Interval) -> float:
    return max(0.0, stretch.end_s - stretch.start_s)


def _middle(stretch: Interval) -> float:
    return (stretch.start_s + stretch.end_s) / 2
