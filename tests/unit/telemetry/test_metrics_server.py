"""Metrics of real processes: one that serves its own, and several that share a folder."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.kafka.serving import free_port
from tests.integration.system import until

_PROGRAM = """
import sys, time
from streams.telemetry import metrics
from streams.telemetry.metrics_server import serve_metrics
stage, port = sys.argv[1], int(sys.argv[2])
metrics.STAGE_SECONDS.labels(stage).observe(0.2)
metrics.RETRIES.labels("all", "shared").inc(2)
metrics.WINDOW_DEPTH.labels(stage).set(3)
metrics.WINDOW_DEPTH.labels("all").set(1)
metrics.COMMIT_AGE_SECONDS.labels("all").set(port)
if port:
    serve_metrics(port)
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(stack: ExitStack, stage: str, port: int, folder: Path | None) -> subprocess.Popen[bytes]:
    shared = {} if folder is None else {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, stage, str(port)], stdout=subprocess.PIPE, env=os.environ | shared
        )
    )
    stack.callback(process.kill)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    return process


def read(port: int) -> dict[tuple[str, ...], float]:
    page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    assert not [sample for sample in samples if "pid" in sample.labels]
    return {(sample.name, *sorted(sample.labels.values())): sample.value for sample in samples}


def test_a_process_serves_its_own(stack: ExitStack) -> None:
    port = free_port()
    start(stack, "decode", port, None)
    seen = read(port)
    assert seen["jikimi_stage_seconds_count", "decode"] == 1
    assert seen["jikimi_window_depth", "all"] == 1
    assert not [name for name, *_ in seen if name.endswith("_created")]


def test_processes_that_share_a_folder_add_up_and_the_gauges_of_the_dead_go(stack: ExitStack, tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "made" / "by-them"
    start(stack, "decode", port, folder)
    second = start(stack, "visual", 0, folder)
    seen = read(port)
    assert {stage: seen["jikimi_window_depth", stage] for stage in ("decode", "visual", "all")} == {
        "decode": 3,
        "visual": 3,
        "all": 2,
    }
    assert seen["jikimi_retries_total", "all", "shared"] == 4
    assert seen["jikimi_commit_age_seconds", "all"] == port  # the older one
    second.kill()
    second.wait()
    until(lambda: ("jikimi_window_depth", "visual") not in read(port))
    seen = read(port)
    assert seen["jikimi_window_depth", "all"] == 1
    assert seen["jikimi_stage_seconds_count", "visual"] == 1  # what was counted stays counted
    assert seen["jikimi_retries_total", "all", "shared"] == 4


def test_what_a_process_of_the_same_number_left_is_not_taken_over(stack: ExitStack, tmp_path: Path) -> None:
    # In a container every first process has the number 1, and its volume outlives it.
    program = (
        "import os, sys\n"
        "from prometheus_client import Gauge\n"
        "Gauge('jikimi_window_depth', 'x', ['stage'], multiprocess_mode='livesum').labels('long ago').set(9)\n"
        f"os.execv(sys.executable, [sys.executable, '-c', {_PROGRAM!r}, 'decode', sys.argv[1]])\n"
    )
    port = free_port()
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-c", program, str(port)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        )
    )
    stack.callback(process.kill)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    assert read(port)["jikimi_window_depth", "decode"] == 3
    assert ("jikimi_window_depth", "long ago") not in read(port)


def test_serving_goes_on_while_a_process_dies_amid_a_look(stack: ExitStack, tmp_path: Path) -> None:
    port = free_port()
    start(stack, "decode", port, tmp_path)
    others = [start(stack, "visual", 0, tmp_path) for _ in range(3)]
    for other in others:
        other.kill()
        deadline_s = time.monotonic() + 0.2
        while time.monotonic() < deadline_s:
            assert read(port)["jikimi_window_depth", "decode"] == 3
        other.wait()
    assert ("jikimi_window_depth", "visual") not in read(port)
