"""Features that fusion models take from evidence: matched seconds of the post, and agreement of picture and sound."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

from schemas.messages import Evidence, Interval, Passage

_SAME_PLACE_S = 2.0
"""Largest distance, in the reference, of picture and sound that agree: about a still's and an audio window's width."""
_SAME_MOTION_S = 0.5
"""Likewise of motion and sound, whose steps are shorter; so the lines of hardly any other recordings agree."""
_MAX_SPEED = 2.0
_HALF_NATS = 8.0
"""Evidence that makes a score of one half."""
_SCENE = 0.75
"""Score up to which a still shows no more than its scene."""
_ROOM = 0.7
"""Score of pictures from which they show the reference's room, and hardly contradict its recording."""
_SOUND_OF_ROOM_NATS = 36.0
"""Evidence of a sound of another recording of the room, as of like words of one voice; the highest measured is 35.6."""
_SUBJECTS = {"visual": "pictures match", "audio": "sound matches"}


class Agreement(NamedTuple):
    """A picture and a sound found at one place of the reference."""

    picture: Evidence
    sound: Evidence
    seconds: float
    """Longest agreement of any two of their passages, each as long as the shorter one."""
    score: float
    """The lower of both scores; of a room at no known moment, that of what its sound has beyond the room's."""


def matched_seconds(evidence: Evidence) -> float:
    """Return how many seconds of the post's medium match; overlapping passages count once."""
    covered, end_s = 0.0, float("-inf")
    for stretch in sorted((passage.query for passage in passages(evidence)), key=lambda found: found.start_s):
        covered += max(0.0, stretch.end_s - max(stretch.start_s, end_s))
        end_s = max(end_s, stretch.end_s)
    return covered


def passages(evidence: Evidence) -> Sequence[Passage]:
    """Return the passages of the evidence; without any, one made from its own intervals."""
    return evidence.passages or [
        Passage(query=evidence.query, reference=evidence.reference, speed=_speed(evidence), score=evidence.score)
    ]


def agreements(evidence: Iterable[Evidence], *, in_rooms: bool = True) -> list[Agreement]:
    """Return the pictures and sounds of one medium that were found at the same place of the same reference.

    They need not be found at the same moment: two passages on one line between post and reference support each other,
    such as pictures of one segment and sounds of the next. A room at no known moment agrees with a sound that no other
    recording of it could share, unless `in_rooms` is False.
    """
    found = list(evidence)
    pictures = [piece for piece in found if piece.modality == "visual"]
    sounds = [piece for piece in found if piece.modality == "audio"]
    found_at = _agreement if in_rooms else _at_one_moment
    return [both for picture, sound in product(pictures, sounds) if (both := found_at(picture, sound))]


def explanation(evidence: Evidence, *, agrees: bool) -> str:
    """Return the reason for a copy in plain words, for the reviewer."""
    if evidence.modality == "text" and evidence.terms:
        return f"{evidence.terms} of the case's terms found" if evidence.terms > 1 else "a term of the case found"
    score = f"score {evidence.score:.2f}"
    if evidence.modality == "text":
        return f"worded like the case, {score}"
    if evidence.modality not in _SUBJECTS:
        return f"a voice like that of {evidence.reference_id}, {score}; a person decides"
    if agrees:
        return f"{_match(evidence, score)}, where picture and sound agree"
    place = ", at no known moment: another recording of the place may match too"
    return _match(evidence, score) + (place if shows_place_alone(evidence) else "")


def shows_place_alone(evidence: Evidence) -> bool:
    """Return whether pictures show where a reference was recorded, at no known moment; so may another recording."""
    is_scene = evidence.modality == "visual" and evidence.score <= _SCENE
    return is_scene and all(_length(passage.reference) <= 0.0 for passage in passages(evidence))


def _match(evidence: Evidence, score: str) -> str:
    n_passages, covered_s = len(passages(evidence)), matched_seconds(evidence)
    text = f"{_SUBJECTS[evidence.modality]} {evidence.reference_id}"
    if covered_s > 0:
        text += f" for {covered_s:.1f} s"
    parts = "stretches" if covered_s > 0 else "pictures"
    return f"{text} in {n_passages} {parts}, {score}" if n_passages > 1 else f"{text}, {score}"


def _agreement(picture: Evidence, sound: Evidence) -> Agreement | None:
    is_scene = _length(picture.query) <= 0.0 and picture.score <= _SCENE  # whose moment is not known
    return None if is_scene else _at_one_moment(picture, sound) or _in_room(picture, sound)


def _at_one_moment(picture: Evidence, sound: Evidence) -> Agreement | None:
    if (picture.reference_id, picture.medium) != (sound.reference_id, sound.medium):
        return None
    within_s = _SAME_MOTION_S if _shows_room(picture) else _SAME_PLACE_S
    shared_s = [
        min(_length(one.query), _length(other.query))
        for one, other in product(passages(picture), passages(sound))
        if _on_one_line(one, other, within_s)
    ]
    return Agreement(picture, sound, max(shared_s), min(picture.score, sound.score)) if shared_s else None


def _in_room(picture: Evidence, sound: Evidence) -> Agreement | None:
    """Return the agreement of a room with a sound that identifies the recording, None if the room's could explain it.

    Pictures by a fixed camera may show the room at no known moment. Another recording of that room shares sounds with
    it, but only up to some evidence; what a sound has beyond that is of the recording.
    """
    if (picture.reference_id, picture.medium) != (sound.reference_id, sound.medium):
        return None
    if not _shows_room(picture) or picture.score < _ROOM:
        return None
    beyond = _HALF_NATS * sound.score / max(1.0 - sound.score, 1e-9) - _SOUND_OF_ROOM_NATS
    seconds = min(_length(picture.query), _length(sound.query))
    return Agreement(picture, sound, seconds, beyond / (beyond + _HALF_NATS)) if beyond > 0.0 else None


def _shows_room(picture: Evidence) -> bool:
    """Return whether pictures of some length show a room at no known moment; only a passage of motion then has one."""
    return _length(picture.query) > 0.0 and _length(picture.reference) <= 0.0


def _on_one_line(one: Passage, other: Passage, within_s: float) -> bool:
    """Return whether both map the middle of each passage to about the same moment of the reference.

    A passage without a length in the reference shows its room, at no known moment; so does a still with one.
    """
    if any((_length(passage.query) > 0.0) != (_length(passage.reference) > 0.0) for passage in (one, other)):
        return False
    moments = (_middle(one.query), _middle(other.query))
    return all(abs(_mapped(one, moment) - _mapped(other, moment)) <= within_s for moment in moments)


def _mapped(passage: Passage, moment_s: float) -> float:
    return _middle(passage.reference) + passage.speed * (moment_s - _middle(passage.query))


def _speed(evidence: Evidence) -> float:
    if _length(evidence.query) <= _SAME_PLACE_S:
        return 1.0  # too short to estimate
    return min(_MAX_SPEED, max(1 / _MAX_SPEED, _length(evidence.reference) / _length(evidence.query)))


def _length(stretch: Interval) -> float:
    return max(0.0, stretch.end_s - stretch.start_s)


def _middle(stretch: Interval) -> float:
    return (stretch.start_s + stretch.end_s) / 2
