"""Correction of a sound's matches by landmarks."""

import msgspec
import numpy as np
import pytest

from models.landmarks.peaks import peaks
from models.registry import Registry
from schemas.matrix import pack
from schemas.messages import Case, Descriptors, Interval, Match, Passage, Reference, Sounds
from streams.describe.audio import describe_sounds
from streams.describe.landmarks import landmarks_of
from streams.match.landmarks import corrected
from streams.match.reference_index import ReferenceIndex
from tests.unit.made_messages import NOW, match, segment
from tests.unit.models.made import RATE_HZ
from tests.unit.models.voices import Sound, voice

ALIKE = 0.6
SEGMENT_S = 12.0


def sounds(sound: Sound, start_s: float = 0.0, lead_s: float = 0.0) -> Sounds:
    place = msgspec.structs.replace(segment(), start_s=start_s, duration_s=SEGMENT_S)
    return Sounds(segment=place, rate_hz=RATE_HZ, pcm=sound.astype("<i2").tobytes(), lead_s=lead_s)


def described(sound: Sound, start_s: float = 0.0) -> Descriptors:
    found = describe_sounds(Registry().audio(), sounds(sound, start_s)).message
    assert isinstance(found, Descriptors)
    return found


def found(score: float = ALIKE, start_s: float = 0.0) -> Match:
    query, reference = Interval(start_s=start_s, end_s=start_s + 12.0), Interval(start_s=0.0, end_s=12.0)
    passage = Passage(query=query, reference=reference, speed=1.0, score=score)
    return match(score, query=query, reference=reference, passages=[passage])


@pytest.mark.parametrize("start_s", [0.0, 60.0])
def test_landmarks_tell_a_copy_from_other_words_of_its_voice(start_s: float) -> None:
    reference = peaks(voice(1, 1))
    copy, other = (
        corrected(found(start_s=start_s), described(voice(1, words), start_s), reference).score for words in (1, 2)
    )
    assert copy > 0.85 > ALIKE > 0.35 > other


def test_without_landmarks_on_both_sides_and_of_an_exact_copy_the_score_stays() -> None:
    reference, query = peaks(voice(1, 1)), described(voice(1, 2))
    without = msgspec.structs.replace(query, landmarks=None)
    of_another_version = msgspec.structs.replace(query, landmarks=pack(np.zeros((12, 6), np.float32), "int8"))
    assert corrected(found(), without, reference) == found()
    assert corrected(found(), of_another_version, reference) == found()
    assert corrected(found(), query, reference[:0]) == found()
    assert corrected(found(1.0), query, reference) == found(1.0)


def pieces_of(sound: Sound, *, landmarks: bool = True) -> list[Reference]:
    """Return the pieces of a reference in segments, as the desk makes them."""
    model = Registry().audio()
    made = []
    for number in range(len(sound) // round(SEGMENT_S * RATE_HZ)):
        start_s = number * SEGMENT_S
        part = sounds(sound[round(start_s * RATE_HZ) :][: round(SEGMENT_S * RATE_HZ)])
        rows = model.describe(np.frombuffer(part.pcm, "<i2"))
        made.append(
            Reference(
                reference_id="r",
                segment=number,
                start_s=start_s,
                duration_s=len(sound) / RATE_HZ,
                modality="audio",
                model=model.name,
                version=model.version,
                vectors=pack(rows.vectors),
                times_s=(rows.times_s + start_s).tolist(),
                landmarks=landmarks_of(part, RATE_HZ) if landmarks else None,
            )
        )
    return made


def index_of(pieces: list[Reference]) -> ReferenceIndex:
    case = Case(case_id="a", name="x", opened_at=NOW)
    return ReferenceIndex([(f"a/{piece.segment}", case, piece) for piece in pieces])


def test_the_index_joins_the_landmarks_of_a_references_segments() -> None:
    original = voice(1, 1, 3 * SEGMENT_S)
    across = original[18 * RATE_HZ : 30 * RATE_HZ]
    noise = np.random.default_rng(1).normal(0, 1500, len(across))
    query = described((across + noise).astype(np.int16))
    with_landmarks, without = (index_of(pieces_of(original, landmarks=each)).search(query) for each in (True, False))
    assert with_landmarks[0].score > without[0].score
    assert with_landmarks[0].reference == without[0].reference


def test_a_late_search_corrects_a_match_as_a_live_one_does() -> None:
    index, query = index_of(pieces_of(voice(1, 1, SEGMENT_S))), described(voice(1, 1))
    (token,) = index.pieces
    (live,) = index.search(query)
    late = index.match_one(token, query)
    assert late is not None
    assert late.score == live.score


def test_a_piece_that_gets_landmarks_is_a_new_one_to_compare() -> None:
    sound = voice(1, 1, SEGMENT_S)
    before, after = (set(index_of(pieces_of(sound, landmarks=each)).pieces) for each in (False, True))
    assert before.isdisjoint(after)
