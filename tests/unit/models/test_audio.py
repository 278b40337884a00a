from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.alignment import align
from models.alignment_parameters import AUDIO
from models.audio.likeness import relative
from models.audio.model import LEAST_SAMPLES, AudioModel
from models.audio.network import export
from models.audio.spectrum import SPECTRUM, STEP, energies
from models.audio.training.committed import weights_in
from models.audio.training.steady import Steady
from models.manifest import MANIFEST
from models.registry import Registry
from tests.unit.models.made import RATE_HZ, melody


@pytest.fixture
def model(registry: Registry) -> AudioModel:
    return registry.audio()


def test_the_committed_graph_is_the_export_of_its_weights() -> None:
    committed = MANIFEST.with_name("audio") / "fingerprint.onnx"
    assert export(weights_in(committed.read_bytes())) == committed.read_bytes()


def test_an_energy_is_the_power_of_one_line_under_its_window() -> None:
    pcm = melody(1, 3.0)
    found = energies(pcm)
    piece = pcm[200 * STEP // 2 :][:SPECTRUM] / 32768 * np.hanning(SPECTRUM)
    assert found.shape == ((len(pcm) - SPECTRUM) // STEP + 1, SPECTRUM // 2 + 1)
    assert found[100] == pytest.approx(np.abs(np.fft.rfft(piece)) ** 2, rel=1e-3, abs=1e-5)


def test_a_sound_has_a_row_each_quarter_of_a_second(model: AudioModel) -> None:
    description = model.describe(melody(1, 10.0))
    assert description.vectors.shape == (29, 128)
    assert description.vectors.dtype == np.float32
    assert np.linalg.norm(description.vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert description.times_s.tolist() == pytest.approx([1.336 + 0.256 * index for index in range(29)])


def test_a_copy_with_less_volume_noise_and_half_a_hop_off_is_found(model: AudioModel) -> None:
    original = melody(1)
    noise = np.random.default_rng(9).normal(0, 300, len(original))
    copy = (0.3 * original + noise).astype(np.int16)[80_000 + RATE_HZ // 8 : 160_000]
    query, reference = model.describe(copy), model.describe(original)
    found = align(query.vectors @ reference.vectors.T, query.times_s, reference.times_s, AUDIO)
    assert found is not None
    assert found.score > 0.6
    assert found.reference[0] - found.query[0] == pytest.approx(10.125, abs=0.3)


@pytest.mark.parametrize("level", [1.0, 1.8], ids=["0 dB", "5 dB louder"])
def test_a_copy_under_another_sound_is_found(model: AudioModel, level: float) -> None:
    original, over = melody(1).astype(np.float64), melody(2).astype(np.float64)
    copy = (0.3 * (original + level * over)).astype(np.int16)[80_000:160_000]
    query, reference = model.describe(copy), model.describe(melody(1))
    true = np.diagonal(query.vectors @ reference.vectors.T, offset=39)
    other = query.vectors @ model.describe(melody(3)).vectors.T
    assert np.median(true) > np.percentile(other, 99)


def test_another_sound_is_not_found(model: AudioModel) -> None:
    query, reference = model.describe(melody(1)), model.describe(melody(2))
    found = align(query.vectors @ reference.vectors.T, query.times_s, reference.times_s, AUDIO)
    assert found is None or found.score < 0.3


def test_cosines_of_unrelated_sounds_lie_narrowly_around_zero(model: AudioModel) -> None:
    similarity = model.describe(melody(1)).vectors @ model.describe(melody(2)).vectors.T
    assert abs(float(similarity.mean())) < 0.1
    assert similarity.std() < 0.2


@pytest.mark.parametrize(
    "pcm",
    [
        np.zeros(80_000),
        np.random.default_rng(0).integers(-1, 2, 80_000),
        8000 * np.sin(np.arange(80_000) * 0.4),
        sum(3000 / part * np.sin(np.arange(80_000) * 0.16 * part) for part in range(1, 9)),
    ],
    ids=["silence", "dither", "test tone", "hum"],
)
def test_silent_and_unchanging_sounds_have_no_rows(model: AudioModel, pcm: npt.NDArray[Any]) -> None:
    assert len(model.describe(pcm.astype(np.int16)).vectors) == 0


@pytest.mark.parametrize("number", range(3))
def test_an_excerpt_hardly_longer_than_a_window_is_found_inside_another_sound(model: AudioModel, number: int) -> None:
    original, around = melody(10 + number), melody(20 + number, 20.0)
    around[60_000:80_800] = original[100_300:121_100]  # 2.6 s
    score = matched_score(model, around, original)
    assert score > 0.55
    assert matched_score(model, melody(20 + number, 20.0), original) < score - 0.2


@pytest.mark.parametrize("source", [2, 3, 5, 6], ids=["engine", "another engine", "wind", "other wind"])
def test_a_steady_sound_is_found_and_another_recording_of_its_source_is_not(model: AudioModel, source: int) -> None:
    steady = Steady(np.random.default_rng([1, source]), RATE_HZ)
    rng = np.random.default_rng([2, source])
    original, other = steady.recorded(rng, 30 * RATE_HZ), steady.recorded(rng, 15 * RATE_HZ)
    noise = rng.normal(0, 600, 15 * RATE_HZ)
    copy = (original[8 * RATE_HZ + 1000 : 23 * RATE_HZ + 1000] + noise).clip(-32768, 32767).astype(np.int16)
    assert matched_score(model, copy, original) > 0.7
    assert matched_score(model, other, original) < 0.3


def matched_score(model: AudioModel, post: npt.NDArray[np.int16], reference: npt.NDArray[np.int16]) -> float:
    one, other = model.describe(post), model.describe(reference)
    found = align(relative(one.vectors @ other.vectors.T), one.times_s, other.times_s, AUDIO)
    return found.score if found else 0.0


def test_relative_cosines_never_exceed_the_cosines_and_keep_those_of_changing_sounds() -> None:
    rng = np.random.default_rng(3)
    ordinary = rng.normal(0.0, 0.12, (60, 200)).clip(-1, 1).astype(np.float32)
    assert (relative(ordinary) <= ordinary + 1e-6).all()
    assert np.abs(relative(ordinary) - ordinary).max() < 0.05
    steady = (0.6 + 0.4 * ordinary).astype(np.float32)
    assert (relative(steady) <= steady + 1e-6).all()
    assert np.quantile(relative(steady), 0.99) < 0.35


def test_windows_that_hardly_differ_are_no_evidence() -> None:
    hum = (0.99 + np.random.default_rng(4).uniform(0.0, 0.01, (60, 200))).astype(np.float32)
    assert relative(hum).max() < 0.15


@pytest.mark.parametrize("shape", [(0, 40), (40, 0), (1, 1), (2, 200), (200, 2)])
def test_short_sounds_have_relative_cosines_too(shape: tuple[int, int]) -> None:
    similarity = np.full(shape, 0.8, np.float32)
    assert relative(similarity).shape == shape


def test_times_are_correct_after_a_silence(model: AudioModel) -> None:
    pcm = np.concatenate([np.zeros(10 * RATE_HZ, dtype=np.int16), melody(1, 10.0)])
    assert 8.6 < model.describe(pcm).times_s[0] <= 11.4


@pytest.mark.parametrize("n_samples", [0, 1, LEAST_SAMPLES - 1])
def test_a_sound_shorter_than_a_window_has_no_rows(model: AudioModel, n_samples: int) -> None:
    description = model.describe(melody(1, 5.0)[:n_samples])
    assert description.vectors.shape == (0, 128)
    assert description.times_s.shape == (0,)


def test_a_full_scale_square_wave_gives_finite_rows(model: AudioModel) -> None:
    pcm = np.where(np.arange(80_000) // 40 % 2, 32767, -32768).astype(np.int16)
    assert np.isfinite(model.describe(pcm).vectors).all()
