"""Hostile media through the real sandbox: whatever a file does, only its own record fails."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.faults.hostile_media import hostile
from ops.faults.hostile_mutations import MUTATIONS
from ops.faults.hostile_seeds import make_seeds
from streams.decode.settings import MediaSettings
from tests.support.deadline import DEADLINE_S

ROOT = Path(__file__).parents[2]
SETTINGS = MediaSettings()


@pytest.mark.parametrize("n_files", [500, pytest.param(20_000, marks=pytest.mark.long)])
def test_hostile_media_fail_alone_and_within_the_caps(tmp_path: Path, n_files: int) -> None:
    """Run as a process of its own: one that died has no exit code 0, and all its children are decoders."""
    result = tmp_path / "figures.json"
    command = [sys.executable, "-m", "ops.faults.hostile_media", "--files", str(n_files), "--json", str(result)]
    timeout_s = max(DEADLINE_S, n_files)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout_s)
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-5_000:]
    figures = json.loads(result.read_text())
    assert figures["hostile_files"] == n_files
    assert (figures["worker_deaths"], figures["bugs"], figures["stuck_slots"]) == (0, 0, 0)
    assert figures["worst_s"] < SETTINGS.scan_timeout_s + SETTINGS.medium_timeout_s
    assert figures["worst_bytes"] < SETTINGS.decoder_memory_bytes


def test_making_the_files_leaves_the_scheduling_of_the_process_as_it_is() -> None:
    before = os.sched_getscheduler(0)
    make_seeds()
    assert {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()} == {before}


def test_the_same_seed_makes_the_same_files_of_every_container_and_mutation() -> None:
    seeds = make_seeds()
    files = list(hostile(seeds, 1, 400))
    assert files == list(hostile(seeds, 1, 400))
    assert {name for name, _, _ in files} == set(seeds)
    assert {mutation for _, mutation, _ in files} == {mutation.__name__ for mutation in MUTATIONS}
    assert sum(medium != seeds[name] for name, _, medium in files) > 350
