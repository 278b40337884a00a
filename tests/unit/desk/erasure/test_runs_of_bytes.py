"""Descriptors found in any bytes, and nothing else."""

import secrets

import msgspec
import numpy as np
import pytest

from models.landmarks.peaks import peaks
from models.landmarks.rows import pack_peaks
from models.text.terms import term_digests
from schemas.matrix import pack
from schemas.messages import Reference
from streams.desk.erasure import runs_of_bytes
from streams.desk.erasure.runs_of_bytes import RUN_BYTES, DescriptorRuns
from tests.unit.models.made import melody

ROWS, COLUMNS = 8, 512


def piece(seed: int = 1, *, digests: list[bytes] | None = None, scale: float = 1.0) -> Reference:
    rows = np.random.default_rng(seed).normal(scale=scale, size=(ROWS, COLUMNS)).astype(np.float32)
    return Reference(
        reference_id="r1",
        segment=0,
        modality="visual",
        model="made",
        version="1",
        start_s=0.0,
        duration_s=8.0,
        vectors=pack(rows),
        times_s=[0.0] * ROWS,
        digests=digests or [],
    )


def runs_of(*pieces: Reference) -> DescriptorRuns:
    runs = DescriptorRuns()
    for one in pieces:
        runs.add(one)
    return runs


@pytest.mark.parametrize("before", [0, 1, 7, 4096])
def test_any_stretch_of_two_runs_is_found_wherever_it_lies(before: int) -> None:
    runs, data = runs_of(piece()), piece().vectors.data
    for start in range(0, len(data) - 2 * RUN_BYTES, 331):
        value = secrets.token_bytes(before) + data[start : start + 2 * RUN_BYTES - 1] + secrets.token_bytes(9)
        assert runs.found_in(value)


def test_other_vectors_and_any_bytes_are_not_found() -> None:
    runs = runs_of(piece())
    assert not runs.found_in(piece(seed=2).vectors.data)
    assert not runs.found_in(secrets.token_bytes(1 << 20))
    assert not any(runs.found_in(bytes(n)) for n in range(12))


def test_the_landmarks_of_a_sound_are_found_too() -> None:
    landmarks = pack_peaks(peaks(melody(1, 5.0)))
    runs = runs_of(msgspec.structs.replace(piece(), landmarks=landmarks))
    assert runs.found_in(landmarks.data[: 2 * RUN_BYTES])
    assert not runs.found_in(pack_peaks(peaks(melody(2, 60.0))).data)


def test_a_run_across_two_slices_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_of_bytes, "_SLICE_BYTES", 64)
    runs, data = runs_of(piece()), piece().vectors.data
    for before in range(40, 90):
        assert runs.found_in(bytes(before) + data[:RUN_BYTES])


def test_a_term_is_found_by_the_digest_that_posts_are_compared_with() -> None:
    digests = sorted(term_digests("milkyway77", b"sixteen letters or more"))
    runs = runs_of(piece(scale=0.0, digests=digests))
    assert len(runs) == len(digests)
    assert runs.found_in(b"..." + digests[0][:16])
    assert not runs.found_in(digests[0][:15])


def test_the_data_key_of_a_case_is_found_and_none_is_no_trace() -> None:
    runs, key = DescriptorRuns(), secrets.token_bytes(60)
    runs.add_key(b"")
    assert len(runs) == 0
    runs.add_key(key)
    assert runs.found_in(b"entry" + key)


def test_silence_and_black_are_no_trace_of_anybody() -> None:
    runs = runs_of(piece(scale=0.0))
    assert len(runs) == 0
    assert not runs.found_in(bytes(4096))


def test_a_very_large_case_is_searched_for_by_every_second_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_of_bytes, "_MAX_RUNS", 100)
    runs = runs_of(piece(), piece(seed=2))
    assert len(runs) <= 100
    assert runs.searched_share < 1
    assert runs.found_in(piece().vectors.data)
    assert runs.found_in(piece(seed=2).vectors.data)
