"""Sounds are described over the border of two segments, each window once."""

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from models.audio.model import LEAST_SAMPLES
from models.audio.network import HOP
from models.audio.training.steady import Steady
from models.landmarks.peaks import peaks
from models.landmarks.rows import unpack_peaks
from models.registry import Registry
from schemas.matrix import pack
from schemas.messages import Case, Descriptors, Reference, Sounds
from streams.decode.settings import MediaSettings
from streams.describe.audio import describe_sounds
from streams.describe.descriptors import sound_rows
from streams.describe.landmarks import landmarks_of
from streams.match.reference_index import ReferenceIndex
from tests.unit.made_messages import NOW, segment
from tests.unit.models.made import RATE_HZ, melody

SEGMENT_S = 12.0
LEAD_S = MediaSettings().sound_lead_s


def described(pcm: npt.NDArray[np.int16], number: int) -> Descriptors:
    """Return the descriptors of a segment of a longer sound, cut as decode does."""
    start_s = number * SEGMENT_S
    lead_s = LEAD_S if number else 0.0
    part = pcm[round((start_s - lead_s) * RATE_HZ) : round((start_s + SEGMENT_S) * RATE_HZ)]
    place = msgspec.structs.replace(segment(number), start_s=start_s, duration_s=SEGMENT_S)
    sounds = Sounds(segment=place, rate_hz=RATE_HZ, pcm=part.astype("<i2").tobytes(), lead_s=lead_s)
    found = describe_sounds(Registry().audio(), sounds).message
    assert isinstance(found, Descriptors)
    return found


def test_windows_over_a_border_are_described_once_each() -> None:
    sound = melody(1, 3 * SEGMENT_S)
    times_s = np.concatenate([described(sound, number).times_s for number in range(3)])
    hop_s, half_s = HOP / RATE_HZ, LEAST_SAMPLES / RATE_HZ / 2
    steps_s = np.diff(times_s)
    assert steps_s.min() > 0.0  # no window of a segment lies in its lead, so none repeats the segment before
    assert steps_s.max() < 3 * hop_s
    assert np.median(steps_s) == pytest.approx(2 * hop_s)  # every second window of a post
    assert times_s[0] == pytest.approx(half_s)
    assert times_s[-1] > 3 * SEGMENT_S - half_s - 2 * hop_s


def test_an_excerpt_across_a_border_of_the_post_is_found_at_its_place() -> None:
    original, around = melody(1, SEGMENT_S), melody(2, 2 * SEGMENT_S)
    border = round(SEGMENT_S * RATE_HZ)
    around[border - 2 * RATE_HZ : border + 2 * RATE_HZ] = original[3 * RATE_HZ : 7 * RATE_HZ]
    index = index_of(original)
    (found,) = index.search(described(around, 1))
    assert found.score > 0.5
    assert found.reference.start_s - found.query.start_s == pytest.approx(5.0 - SEGMENT_S, abs=0.5)


def test_the_index_finds_a_copy_of_wind_and_not_another_recording_of_it() -> None:
    wind = Steady(np.random.default_rng([1, 5]), RATE_HZ)
    rng = np.random.default_rng(1)
    original = wind.recorded(rng, round(2 * SEGMENT_S) * RATE_HZ)
    index = index_of(original)
    (found,) = index.search(described(original[RATE_HZ // 2 :], 0))
    assert found.score > 0.8
    others = index.search(described(wind.recorded(rng, round(SEGMENT_S) * RATE_HZ), 0))
    assert max((other.score for other in others), default=0.0) < 0.3


def index_of(original: npt.NDArray[np.int16]) -> ReferenceIndex:
    model = Registry().audio()
    rows = model.describe(original)
    piece = Reference(
        reference_id="r",
        segment=0,
        start_s=0.0,
        duration_s=len(original) / RATE_HZ,
        modality="audio",
        model=model.name,
        version=model.version,
        vectors=pack(rows.vectors),
        times_s=rows.times_s.tolist(),
    )
    return ReferenceIndex([("a", Case(case_id="a", name="x", opened_at=NOW, reference=piece), piece)])


def test_landmarks_begin_with_the_segment_and_not_with_its_lead() -> None:
    sound = melody(1, 2 * SEGMENT_S)
    found = described(sound, 1).landmarks
    assert found is not None
    assert found.rows == SEGMENT_S
    own = peaks(sound[round(SEGMENT_S * RATE_HZ) :])
    assert unpack_peaks(found).tolist() == own.tolist()


def test_silence_and_a_sound_at_another_rate_have_no_landmarks() -> None:
    silence = Sounds(segment=segment(), rate_hz=RATE_HZ, pcm=b"")
    loud = msgspec.structs.replace(silence, pcm=melody(1, 3.0).tobytes())
    assert landmarks_of(silence, RATE_HZ) is None
    assert landmarks_of(loud, 2 * RATE_HZ) is None
    assert landmarks_of(loud, RATE_HZ) is not None


def test_a_voice_is_described_without_the_lead() -> None:
    class Lengths:
        name, version, rate_hz = "lengths", "1", RATE_HZ

        def describe(self, pcm: npt.NDArray[np.int16]) -> "Lengths":
            self.n_samples = len(pcm)
            return self

        vectors = np.ones((1, 4), np.float32)
        times_s = np.zeros(1)

    model = Lengths()
    sounds = Sounds(segment=segment(), rate_hz=RATE_HZ, pcm=bytes(2 * 3 * RATE_HZ), lead_s=1.0)
    assert sound_rows("voice", model, sounds, 60.0)[1] == [60.0]
    assert model.n_samples == 2 * RATE_HZ
    assert sound_rows("audio", model, sounds, 60.0)[1] == [59.0]
    assert model.n_samples == 3 * RATE_HZ
