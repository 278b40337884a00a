"""Fit of synthetic pairs; the card has the figures on real copies, with the command."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from models.fusion.basis import CAUSES, CEILINGS, Rows, ramps
from models.fusion.export import export
from models.fusion.fit import Sample, _blocks, _gradient, fit, fitted_causes, strengths
from models.fusion.table import Pair, read, samples, write
from models.fusion.train import ACT, train
from models.fusion.weights import prior, weights
from models.metrics import Labels, expected_calibration_error, reliability_bins
from schemas.messages import Evidence, Interval, Modality

N_PAIRS = 1500
STRONGEST = np.array([[1.0, 1e6, 1e6]] * len(CAUSES))


def drawn(seed: int) -> tuple[list[Sample], Labels]:
    """Return pairs of which a third are copies, by picture, sound or both; other pairs score about 0.3."""
    random = np.random.default_rng(seed)
    labels, found = random.random(N_PAIRS) < 0.33, []
    for number, copy in enumerate(labels):
        kept = random.random(2) < 0.8
        for cause, keeps in zip(("visual", "audio"), kept, strict=True):
            score = random.normal(0.65, 0.1) if copy and keeps else random.normal(0.3, 0.07)
            found.append(Sample(number, cause, float(np.clip(score, 0, 1)), float(random.exponential(8)), 0))
    return found, labels


def test_the_fit_is_calibrated_on_held_out_pairs() -> None:
    found, labels = drawn(2)
    result = fit(*drawn(1))
    fitted, unfitted = (-np.expm1(-strengths(found, w, N_PAIRS).sum(axis=1)) for w in (result, weights(prior())))
    error, error_before = (expected_calibration_error(reliability_bins(p, labels)) for p in (fitted, unfitted))
    assert error < 0.04
    assert error < error_before / 2


def test_the_gradient_is_that_of_the_likelihood() -> None:
    found, labels = drawn(3)
    at = prior() + 0.3

    def loss(moved: Rows) -> float:
        total = strengths(found, weights(moved), N_PAIRS).sum(axis=1)
        return float(np.where(labels, -np.log(-np.expm1(-total)), total).sum())

    gradient = _gradient(_blocks(found), labels, at)
    for cause, number in ((0, 0), (0, 7), (0, 18), (1, 0), (1, 9)):
        step = np.zeros_like(at)
        step[cause, number] = 1e-5
        assert gradient[cause, number] == pytest.approx((loss(at + step) - loss(at - step)) / 2e-5, rel=1e-4)


def test_the_same_pairs_give_the_same_file() -> None:
    assert export(*fit(*drawn(1))) == export(*fit(*drawn(1)))


def test_no_data_raises_a_cause_above_its_ceiling_or_makes_it_fall() -> None:
    found, labels = drawn(4)
    for given in (np.ones_like(labels), ~labels, labels):
        result = fit(found, given)
        assert (result.ramps >= 0).all()
        most = 1 / (1 + np.exp(-(ramps(STRONGEST) * result.ramps).sum(axis=1) - result.biases))
        assert (most <= np.array([CEILINGS[cause] for cause in CAUSES])).all()


def test_a_cause_with_too_few_pairs_stays_as_set_by_hand() -> None:
    found, labels = drawn(5)
    assert fitted_causes(found, labels) == ["visual", "audio"]
    result, start = fit(found, labels), weights(prior())
    rest = [CAUSES.index(cause) for cause in ("text", "voice", "agreement")]
    assert (result.ramps[rest] == start.ramps[rest]).all()
    assert (result.ramps[0] != start.ramps[0]).any()


def test_the_graph_computes_the_logits_of_the_weights() -> None:
    result, (found, _) = fit(*drawn(1)), drawn(6)
    features = np.array([sample[2:] for sample in found], np.float64)
    cause = np.array([CAUSES.index(sample.cause) for sample in found])
    (logit,) = ort.InferenceSession(export(*result)).run(["logit"], {"cause": cause, "features": features})
    assert logit == pytest.approx((ramps(features) * result.ramps[cause]).sum(axis=1) + result.biases[cause])


def test_negative_weights_are_refused() -> None:
    result = weights(prior())
    with pytest.raises(ValueError, match="more evidence would lower the probability"):
        export(result.ramps - 1.0, result.biases)


def pair(query: str, case: str, score: float, *, copy: bool, modality: Modality = "visual") -> Pair:
    place = Interval(start_s=1.0, end_s=9.0)
    piece = Evidence(
        modality=modality, model="m", version="1", reference_id=case, medium=0, score=score, probability=0.5,
        query=place, reference=place, thumbnail=b"blurred",
    )  # fmt: skip
    return Pair(query=query, case=case, copy=copy, transform=None, evidence=[piece])


def test_held_out_wrong_pairs_stay_well_below_the_threshold_to_act() -> None:
    random = np.random.default_rng(3)
    pairs = [
        pair(f"q{number}", f"case-{number % 6}", score, copy=copy)
        for number in range(240)
        # As with the toys on one table, some wrong pairs score as high as copies.
        for copy, score in ((True, random.uniform(0.7, 0.9)), (False, random.uniform(0.2, 0.8)))
    ]
    graph, report = train(pairs, [pair("new", "case-0", 0.99, copy=False)])
    for text in (f"recall at {ACT:g}", "wrong acts 0", "visual by"):
        assert text in report
    inputs = {"cause": np.array([0]), "features": np.array([[0.99, 8, 0]])}
    (logit,) = ort.InferenceSession(graph).run(["logit"], inputs)
    assert 1 / (1 + np.exp(-logit[0])) < ACT


def test_one_case_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="too few pairs to fit"):
        train([pair("q", "case-0", 0.9, copy=True), pair("r", "case-1", 0.3, copy=False)], [])


def test_a_table_is_read_as_written_without_thumbnails(tmp_path: Path) -> None:
    file = tmp_path / "table.jsonl"
    pairs = [pair("q", "c", 0.9, copy=True), pair("r", "c", 0.8, copy=False, modality="audio")]
    write(pairs, file)
    assert b"blurred" not in file.read_bytes()
    found, labels = samples(read(file))
    assert labels.tolist() == [True, False]
    assert found == [Sample(0, "visual", 0.9, 8.0, 0), Sample(1, "audio", 0.8, 8.0, 0)]
