"""What a child that a medium has taken over can do, with all layers of its isolation and with each one missing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from streams.decode.sandbox import layers, seccomp
from streams.decode.sandbox.sandbox import Sandbox
from streams.telemetry.metrics import SANDBOX_LAYER_MISSING
from tests.support.deadline import DEADLINE_S

ROOT = Path(__file__).parents[3]
MEMORY_BYTES = 512 * 1024 * 1024
LAYERS = ("user", "namespaces", "undumpable", "landlock", "seccomp")

type Outcomes = dict[str, tuple[dict[str, str], list[str]]]


@pytest.fixture(scope="module", params=["", "equal"])
def outcomes(request: pytest.FixtureRequest) -> Outcomes:
    """Return, for each list of layers, what this system lacks of them and the attacks that succeed."""
    command = [sys.executable, "-m", "tests.unit.decode.attacked", *request.param.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    found: Outcomes = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_attacks_succeed_without_layers(outcomes: Outcomes) -> None:
    """Root without capabilities, as a child of root is, has less rights than root."""
    _, succeeded = outcomes[""]
    needs_equal_rights = {"environment", "memory", "trace"}
    assert {*succeeded} - needs_equal_rights == {
        "open files", "signal", "limit", "tcp", "udp", "unix", "abstract", "read", "write", "execute", "remove",
    }  # fmt: skip
    assert needs_equal_rights <= {*succeeded} or layers.USER in _all(outcomes)


@pytest.mark.parametrize("missing", [None, *LAYERS])
def test_no_attack_succeeds_whichever_layer_is_missing(outcomes: Outcomes, missing: str | None) -> None:
    every = _all(outcomes)
    if missing and missing not in every:
        pytest.skip("this user has no such layer")
    report, succeeded = outcomes[",".join(name for name in every if name != missing)]
    if any(report.values()):
        pytest.skip(f"this system lacks more: {report}")
    # Linux lets equal users change each other's limits; only another user or the filter of system calls forbids it.
    assert succeeded == (["limit"] if missing == "seccomp" and "user" not in every else [])


def _all(outcomes: Outcomes) -> list[str]:
    return max(outcomes, key=len).split(",")


def test_a_missing_layer_is_logged_once_and_measured() -> None:
    sandbox = Sandbox("misbehaving:work", n_children=1, n_working=1, memory_bytes=MEMORY_BYTES)
    report = {"undumpable": "", "landlock": "TCP, signals"}
    with capture_logs() as logs:
        for child in ({}, report, report):
            sandbox._keep(child)
    assert [(each["log_level"], each["holding"], each["missing"]) for each in logs] == [
        ("warning", ["undumpable"], {"landlock": "TCP, signals"})
    ]
    values = [SANDBOX_LAYER_MISSING.labels(name)._value.get() for name in report]
    assert values == [0.0, 1.0]


def test_a_processor_without_a_list_of_system_calls_lacks_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "host", "6.12", "1", "riscv64")))
    with pytest.raises(OSError, match="riscv64"):
        seccomp.restrict()


@pytest.mark.parametrize("column", [0, 1])
def test_the_filter_lists_each_system_call_once(column: int) -> None:
    numbers = [pair[column] for pair in seccomp._FREE.values()] + [row[0][column] for row in seccomp._LIMITED.values()]
    listed = [number for number in numbers if number is not None]
    assert len(listed) == len(set(listed))
