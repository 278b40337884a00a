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
from tests.support.deadline import DEADLINE_S, until

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
time.sleep(3600)
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(stack: ExitStack, folder: Path | None, *arguments: str, program: str = _PROGRAM) -> subprocess.Popen[bytes]:
    environment = os.environ | ({} if folder is None else {"PROMETHEUS_MULTIPROC_DIR": str(folder)})
    command = [sys.executable, "-c", program, *arguments]
    process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, env=environment))
    stack.callback(process.kill)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    return process


def read(port: int) -> dict[tuple[str, ...], float]:
    page = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=DEADLINE_S).text
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    assert not [sample for sample in samples if "pid" in sample.labels]
    return {(sample.name, *sorted(sample.labels.values())): sample.value for sample in samples}


def test_a_process_serves_its_own_metrics(stack: ExitStack) -> None:
    port = free_port()
    start(stack, None, "decode", str(port))
    samples = read(port)
    assert samples["jikimi_stage_seconds_count", "decode"] == 1
    assert samples["jikimi_window_depth", "all"] == 1
    assert not [name for name, *_ in samples if name.endswith("_created")]


def test_processes_of_one_folder_add_up_and_gauges_of_ended_ones_are_removed(stack: ExitStack, tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "made" / "by-them"
    start(stack, folder, "decode", str(port))
    second = start(stack, folder, "visual", "0")
    samples = read(port)
    assert [samples["jikimi_window_depth", stage] for stage in ("decode", "visual", "all")] == [3, 3, 2]
    assert samples["jikimi_retries_total", "all", "shared"] == 4
    assert samples["jikimi_commit_age_seconds", "all"] == port  # the older one
    second.kill()
    second.wait()
    until(lambda: ("jikimi_window_depth", "visual") not in read(port))
    samples = read(port)
    assert samples["jikimi_window_depth", "all"] == 1
    assert samples["jikimi_stage_seconds_count", "visual"] == 1  # counters of an ended process stay
    assert samples["jikimi_retries_total", "all", "shared"] == 4


def test_gauges_of_an_earlier_process_with_the_same_pid_are_removed(stack: ExitStack, tmp_path: Path) -> None:
    # In a container every first process has pid 1, and its volume outlives it.
    program = (
        "import os, sys\n"
        "from prometheus_client import Gauge\n"
        "Gauge('jikimi_window_depth', 'x', ['stage'], multiprocess_mode='livesum').labels('long ago').set(9)\n"
        f"os.execv(sys.executable, [sys.executable, '-c', {_PROGRAM!r}, 'decode', sys.argv[1]])\n"
    )
    port = free_port()
    start(stack, tmp_path, str(port), program=program)
    assert read(port)["jikimi_window_depth", "decode"] == 3
    assert ("jikimi_window_depth", "long ago") not in read(port)


def test_serving_continues_while_a_process_dies_during_a_scrape(stack: ExitStack, tmp_path: Path) -> None:
    port = free_port()
    start(stack, tmp_path, "decode", str(port))
    others = [start(stack, tmp_path, "visual", "0") for _ in range(3)]
    for other in others:
        other.kill()
        deadline_s = time.monotonic() + 0.2
        while time.monotonic() < deadline_s:
            assert read(port)["jikimi_window_depth", "decode"] == 3
        other.wait()
    assert ("jikimi_window_depth", "visual") not in read(port)
