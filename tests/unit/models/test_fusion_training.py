"""The fit, on pairs drawn from a known rule; what it gives on real copies stands in the card, with the command."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from models.fusion.basis import CAUSES, CEILINGS, Rows, ramps
from models.fusion.export import export
from models.fusion.fit import Labels, Sample, _blocks, _gradient, fit, learned, spoken
from models.fusion.reliability import calibration_error, recall, reliability, safe_threshold
from models.fusion.table import Pair, read, samples, write
from models.fusion.train import ACT, train
from models.fusion.weights import prior, weights
from schemas.messages import Evidence, Interval, Modality

N_PAIRS = 1500
STRONGEST = np.array([[1.0, 1e6, 1e6]] * len(CAUSES))


def drawn(seed: int) -> tuple[list[Sample], Labels]:
    """Return pairs of which a third are copies, seen, heard or both; what copies nothing scores about 0.3."""
    random = np.random.default_rng(seed)
    labels, found = random.random(N_PAIRS) < 0.33, []
    for number, copy in enumerate(labels):
        kept = random.random(2) < 0.8
        for cause, keeps in zip(("visual", "audio"), kept, strict=True):
            score = random.normal(0.65, 0.1) if copy and keeps else random.normal(0.3, 0.07)
            found.append(Sample(number, cause, float(np.clip(score, 0, 1)), float(random.exponential(8)), 0))
    return found, labels


def test_what_is_fitted_is_calibrated_on_pairs_not_seen() -> None:
    found, labels = drawn(2)
    learnt = fit(*drawn(1))
    fitted, unfitted = (-np.expm1(-spoken(found, w, N_PAIRS).sum(axis=1)) for w in (learnt, weights(prior())))
    assert calibration_error(reliability(fitted, labels)) < 0.04
    assert calibration_error(reliability(fitted, labels)) < calibration_error(reliability(unfitted, labels)) / 2


def test_the_gradient_is_that_of_the_likelihood() -> None:
    found, labels = drawn(3)
    at = prior() + 0.3

    def loss(moved: Rows) -> float:
        total = spoken(found, weights(moved), N_PAIRS).sum(axis=1)
        return float(np.where(labels, -np.log(-np.expm1(-total)), total).sum())

    gradient = _gradient(_blocks(found), labels, at)
    for cause, number in ((0, 0), (0, 7), (0, 18), (1, 0), (1, 9)):
        step = np.zeros_like(at)
        step[cause, number] = 1e-5
        assert gradient[cause, number] == pytest.approx((loss(at + step) - loss(at - step)) / 2e-5, rel=1e-4)


def test_the_same_pairs_give_the_same_file() -> None:
    assert export(*fit(*drawn(1))) == export(*fit(*drawn(1)))


def test_no_data_can_lift_a_cause_above_its_ceiling_or_turn_it_round() -> None:
    found, labels = drawn(4)
    for known in (np.ones_like(labels), ~labels, labels):
        learnt = fit(found, known)
        assert (learnt.ramps >= 0).all()
        most = 1 / (1 + np.exp(-(ramps(STRONGEST) * learnt.ramps).sum(axis=1) - learnt.biases))
        assert (most <= np.array([CEILINGS[cause] for cause in CAUSES])).all()


def test_a_cause_of_which_there_is_too_little_stays_as_set_by_hand() -> None:
    found, labels = drawn(5)
    assert learned(found, labels) == ["visual", "audio"]
    learnt, start = fit(found, labels), weights(prior())
    rest = [CAUSES.index(cause) for cause in ("text", "voice", "meeting")]
    assert (learnt.ramps[rest] == start.ramps[rest]).all()
    assert (learnt.ramps[0] != start.ramps[0]).any()


def test_the_graph_says_what_the_weights_say() -> None:
    learnt, (found, _) = fit(*drawn(1)), drawn(6)
    features = np.array([sample[2:] for sample in found], np.float64)
    cause = np.array([CAUSES.index(sample.cause) for sample in found])
    (logit,) = ort.InferenceSession(export(*learnt)).run(["logit"], {"cause": cause, "features": features})
    assert logit == pytest.approx((ramps(features) * learnt.ramps[cause]).sum(axis=1) + learnt.biases[cause])


def test_weights_below_zero_are_not_written() -> None:
    learnt = weights(prior())
    with pytest.raises(ValueError, match="more evidence would say less"):
        export(learnt.ramps - 1.0, learnt.biases)


def pair(query: str, case: str, score: float, *, copy: bool, modality: Modality = "visual") -> Pair:
    place = Interval(start_s=1.0, end_s=9.0)
    piece = Evidence(
        modality=modality, model="m", version="1", reference_id=case, medium=0, score=score, probability=0.5,
        query=place, reference=place, thumbnail=b"blurred",
    )  # fmt: skip
    return Pair(query=query, case=case, copy=copy, transform=None, evidence=[piece])


def test_wrong_pairs_held_out_never_come_near_an_act() -> None:
    random = np.random.default_rng(3)
    pairs = [
        pair(f"q{number}", f"case-{number % 6}", score, copy=copy)
        for number in range(240)
        # As the toys on one table: what copies nothing is sometimes as alike as a copy.
        for copy, score in ((True, random.uniform(0.7, 0.9)), (False, random.uniform(0.2, 0.8)))
    ]
    alike = [pair("new", "case-0", 0.99, copy=False)]
    graph, report = train(pairs, alike)
    assert f"recall at {ACT:g}" in report
    assert "wrong acts 0" in report
    assert "visual by" in report
    (logit,) = ort.InferenceSession(graph).run(
        ["logit"], {"cause": np.array([0]), "features": np.array([[0.99, 8, 0]])}
    )
    assert 1 / (1 + np.exp(-logit[0])) < ACT


def test_one_case_alone_teaches_nothing() -> None:
    with pytest.raises(ValueError, match="nothing to learn from"):
        train([pair("q", "case-0", 0.9, copy=True), pair("r", "case-1", 0.3, copy=False)], [])


def test_a_table_is_read_as_it_was_written_and_holds_no_picture(tmp_path: Path) -> None:
    file = tmp_path / "table.jsonl"
    pairs = [pair("q", "c", 0.9, copy=True), pair("r", "c", 0.8, copy=False, modality="audio")]
    write(pairs, file)
    assert b"blurred" not in file.read_bytes()
    found, labels = samples(read(file))
    assert labels.tolist() == [True, False]
    assert found == [Sample(0, "visual", 0.9, 8.0, 0), Sample(1, "audio", 0.8, 8.0, 0)]


def test_reliability_tells_what_was_said_from_what_was_true() -> None:
    said = np.array([0.05, 0.15, 0.15, 0.95, 1.0])
    labels = np.array([False, False, True, True, True])
    bins = reliability(said, labels)
    assert [(found.n, round(found.said, 3), found.true) for found in bins] == [
        (1, 0.05, 0),
        (2, 0.15, 0.5),
        (2, 0.975, 1),
    ]
    assert calibration_error(bins) == pytest.approx((0.05 + 2 * 0.35 + 2 * 0.025) / 5)
    assert safe_threshold(said, labels) == 0.95
    assert recall(said, labels, 0.95) == pytest.approx(2 / 3)
    assert safe_threshold(said, ~labels) > 1
