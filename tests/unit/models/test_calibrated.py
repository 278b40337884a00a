"""Calibrated fusion, and the fit of its line."""

import hashlib
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.fusion.calibrated import LONE, LONE_AFTER, Calibrated, CalibrationFile, Line
from models.fusion.line_fit import fit_line, hold_out, logit, scores
from models.fusion.model import PRIOR, log_odds
from models.manifest import ModelError
from models.registry import Registry
from tests.unit.models.test_fusion import some_evidence

RANDOM = np.random.default_rng(0)


def registry(folder: Path, *contents: bytes) -> Registry:
    """Return a registry with candidates calibrated@0, calibrated@1 and so on."""
    lines = []
    for number, content in enumerate(contents):
        (folder / f"{number}.json").write_bytes(content)
        pinned = hashlib.sha256(content).hexdigest()
        lines.append(
            f'[[model]]\nname="calibrated"\nmodality="fusion"\nversion="{number}"\norigin="file"\npath="{number}.json"\n'
            f'sha256="{pinned}"\nlicence="own"\nsource="test"\n'
        )
    (folder / "manifest.toml").write_text("\n".join(lines))
    return Registry(extra=folder / "manifest.toml")


def content(slope: float, offset: float, base: str = "causes@1") -> bytes:
    return msgspec.json.encode(CalibrationFile(slope=slope, offset=offset, base=base))


def test_the_order_of_the_model_below_stays_and_its_probabilities_move_along_the_line(tmp_path: Path) -> None:
    models = registry(tmp_path, content(0.5, -1.0))
    base, model = models.fusion("causes@1"), models.fusion("calibrated@0")
    pairs = []
    for _ in range(50):
        evidence = some_evidence(RANDOM, 4)
        pairs.append((base.judge(evidence).probability, model.judge(evidence).probability))
    assert [after for _, after in sorted(pairs)] == sorted(after for _, after in pairs)
    for before, after in pairs:
        if 1e-9 < before < 1 - 1e-9:
            assert log_odds(after) == pytest.approx(0.5 * log_odds(before) - 1.0, abs=1e-6)
        assert after < 1.0
    assert model.judge([]).probability == 0.0


def test_contributions_add_up_to_the_calibrated_log_odds(tmp_path: Path) -> None:
    model = registry(tmp_path, content(0.5, -1.0)).fusion("calibrated@0")
    for _ in range(20):
        judged = model.judge(some_evidence(RANDOM, 5))
        total = math.fsum(one.added for one in judged.contributions)
        assert total == pytest.approx(log_odds(judged.probability) - log_odds(PRIOR), abs=1e-6)


def test_a_file_by_which_a_lone_cause_would_act_or_that_is_stacked_is_refused(tmp_path: Path) -> None:
    models = registry(tmp_path, content(1.0, 2.0), content(1.0, 0.0), content(1.0, 0.0, "calibrated@1"), b'{"base": 1}')
    for name, wrong in [("0", "sound or words alone"), ("2", "calibrated itself"), ("3", "not a calibration")]:
        with pytest.raises(ModelError, match=wrong):
            models.fusion(f"calibrated@{name}")
    assert isinstance(models.fusion("calibrated@1"), Calibrated)


def drawn(n: int, slope: float, offset: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log-odds in review, labels drawn from the line, and 20 cases."""
    logits = RANDOM.uniform(0.0, 3.0, n)
    copies = RANDOM.random(n) < 1 / (1 + np.exp(-(slope * logits + offset)))
    return logits, copies, np.arange(n) % 20


def test_a_line_that_made_the_labels_is_found_and_unseen_cases_gain() -> None:
    logits, copies, cases = drawn(4000, 0.6, -1.2)
    line = fit_line(logits, copies)
    assert line.slope == pytest.approx(0.6, abs=0.15)
    assert line.offset == pytest.approx(-1.2, abs=0.25)
    held = hold_out(logits, 1 / (1 + np.exp(-logits)), copies, cases, 0)
    assert held.change[2] < 0
    assert held.after.log_loss < held.before.log_loss
    assert held.after.calibration_error < held.before.calibration_error
    assert held == hold_out(logits, 1 / (1 + np.exp(-logits)), copies, cases, 0)


def test_labels_that_the_probabilities_fit_already_are_no_gain() -> None:
    logits, copies, cases = drawn(400, 1.0, 0.0)
    assert hold_out(logits, 1 / (1 + np.exp(-logits)), copies, cases, 0).change[2] > 0


def test_few_labels_move_the_line_little() -> None:
    line = fit_line(np.array([1.0, 2.0]), np.array([False, False]))
    assert line.slope > 0.5
    assert line.offset > -1.5


def test_however_many_copies_a_cause_that_must_not_act_alone_does_not() -> None:
    logits, copies, _ = drawn(2000, 1.0, 4.0)
    line = fit_line(logits, copies)
    assert line.of(LONE) == pytest.approx(LONE_AFTER, abs=1e-6)
    assert line.slope > 0
    assert Line(slope=round(line.slope, 6), offset=round(line.offset, 6)).is_safe


def test_scores_of_known_probabilities() -> None:
    found = scores(np.array([0.8, 0.8, 0.8, 0.8]), np.array([True, True, True, False]))
    assert found.log_loss == pytest.approx(-(3 * math.log(0.8) + math.log(0.2)) / 4)
    assert found.brier == pytest.approx((3 * 0.04 + 0.64) / 4)
    assert found.calibration_error == pytest.approx(0.05)
    assert logit(np.array([0.0, 1.0])).tolist() == pytest.approx([-27.6, 27.6], abs=0.1)
