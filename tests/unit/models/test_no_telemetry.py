"""ONNX Runtime reports to nobody, whichever of our modules imports it first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["models.visual.model", "streams.doctor.models", "ops.bench.suite.gpu"])
def test_nothing_is_collected_for_the_maker_of_the_runtime(module: str, tmp_path: Path) -> None:
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(tmp_path))
    # It is silent in continuous integration by itself.
    given = {name: value for name, value in os.environ.items() if name not in {"CI", "ORT_DISABLE_TELEMETRY"}}
    program = f"import {module}, sys; sys.exit('onnxruntime' not in sys.modules)"
    subprocess.run([sys.executable, "-c", program], env=given | places, check=True)
    assert list(tmp_path.iterdir()) == []
