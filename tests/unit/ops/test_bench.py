"""The bench does not pass off what it did not measure, and calls no figure stable on a busy machine."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from ops.bench import __main__ as bench
from ops.bench.first_pass.__main__ import records_of
from ops.bench.first_pass.files import demonstration
from ops.bench.suite import gpu
from ops.bench.suite import models as bench_models
from ops.bench.suite.machine import header, is_quiet
from ops.bench.suite.models import load_models
from ops.bench.suite.report import Report, series
from ops.bench.suite.section import Figures, Run, Section, Value, is_measured, meets, not_measured
from ops.bench.suite.sections import SECTIONS
from ops.java import UnavailableError
from streams.errors import UsageError

QUIET: dict[str, Value] = {"load": 0.9, "cores": 2}
BUSY: dict[str, Value] = {"load": 1.1, "cores": 2}


def section(figures: Figures, **targets: str) -> Section:
    return Section("trial", "A trial", lambda _: figures, targets)


def report(machine: dict[str, Value], made: Section) -> Report:
    return Report(machine, [made], {made.name: made.measure(Run(1, long=False))})


def test_the_header_has_machine_load_and_versions() -> None:
    found = header(7, long=False)
    assert found["seed"] == 7
    assert found["size"] == "quick"
    assert {"cpu", "cores", "memory_gib", "load", "python", "commit", "numpy", "onnxruntime", "av"} <= found.keys()


def test_a_figure_is_stable_up_to_a_load_of_half_the_cores() -> None:
    assert is_quiet({"load": 1.0, "cores": 2})
    assert not is_quiet(BUSY)


def test_on_a_busy_machine_no_figure_meets_its_target(capsys: pytest.CaptureFixture[str]) -> None:
    made = section({"ratio": 1.0, "other": 3.0}, ratio="<= 1.3", other="<= 1.3")
    assert [report(QUIET, made).outcome(made, key) for key in ("ratio", "other")] == ["met", "missed"]
    assert [report(BUSY, made).outcome(made, key) for key in ("ratio", "other")] == ["not stable", "not stable"]
    report(BUSY, made).print_machine(Console(width=200))
    assert "no figure of this run is stable" in capsys.readouterr().out


def test_what_was_not_measured_meets_no_target() -> None:
    made = section({"ratio_100k": not_measured("no such size in this run")}, ratio_100k="<= 1.3")
    assert report(QUIET, made).outcome(made, "ratio_100k") == ""
    assert not is_measured(not_measured("no Java"))


def test_targets_are_limits_on_either_side() -> None:
    assert meets(1.1, "<= 1.10")
    assert not meets(7.9, ">= 8")
    with pytest.raises(ValueError, match="== 3"):
        meets(3, "== 3")


def test_the_json_has_a_sections_figures_under_its_name(tmp_path: Path) -> None:
    made = section({"total": 1.05})
    report(QUIET, made).write_json(tmp_path / "figures.json")
    found = json.loads((tmp_path / "figures.json").read_text())
    assert found["trial"] == {"total": 1.05}
    assert found["machine"]["stable"]


def test_a_section_that_this_machine_cannot_run_is_not_measured() -> None:
    def unavailable(_: Run) -> Figures:
        raise UnavailableError("java not found")

    figures, is_well = bench.measured(Section("trial", "A trial", unavailable, {"total": "<= 1"}), Run(1, long=False))
    assert figures["total"] == "not measured: java not found"
    assert is_well


def test_a_section_that_fails_is_not_measured_and_fails_the_run() -> None:
    def failing(_: Run) -> Figures:
        raise UsageError("worker ended")

    figures, is_well = bench.measured(Section("trial", "A trial", failing, {"total": "<= 1"}), Run(1, long=False))
    assert figures["total"] == "not measured: failed: worker ended"
    assert not is_well


def test_a_size_that_was_not_reached_is_not_measured_and_time_is_added() -> None:
    figures, _ = bench.measured(section({"ratio_1k": 1.1}, ratio_100k="<= 1.3"), Run(1, long=False))
    assert figures["ratio_100k"] == "not measured: no such size in this run"
    assert {"wall_s", "cpu_s"} <= figures.keys()


def test_an_unknown_section_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(typer.BadParameter, match="no section 'speed': there are overhead, peers, cases"):
        bench.chosen("cases,speed")


def test_sections_are_chosen_by_name_and_all_by_default() -> None:
    assert [each.name for each in bench.chosen("retro, cases")] == ["retro", "cases"]
    assert [each.name for each in bench.chosen("")] == list(SECTIONS)


def test_the_run_prints_and_writes_what_a_section_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(SECTIONS, "trial", section({"total": 1.05, "ms_10": 1.0, "ms_100": 2.0}, total="<= 1.10"))
    app = typer.Typer()
    app.command()(bench.main)
    page, figures = tmp_path / "page.html", tmp_path / "figures.json"
    done = CliRunner().invoke(app, ["--only", "trial", "--json", str(figures), "--page", str(page)])
    assert done.exit_code == 0, done.output
    assert "total" in done.output
    assert json.loads(figures.read_text())["trial"]["total"] == 1.05
    assert "<svg" in page.read_text()


def test_figures_of_several_sizes_are_plotted() -> None:
    assert series({"ms_10": 1.0, "ms_1000": 2.0, "total": 3.0, "memory_100": 1}) == {"ms": {10.0: 1.0, 1000.0: 2.0}}


@pytest.mark.parametrize("joined", [True, False])
def test_a_gpu_and_the_cpus_describe_every_record(joined: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    records, calls = records_of(demonstration()[0]), Counter[str]()
    models = load_models()  # stands for both: there may be no GPU
    counting = [(bench_models, "describe_sounds"), (bench_models, "describe_texts"), (gpu, "described")]
    counting += [] if joined else [(bench_models, "describe_frames")]
    for module, name in counting:
        monkeypatch.setattr(module, name, counted(calls, name, getattr(module, name)))
    assert gpu.seconds(models, records * 3, joined=joined) > 0.0
    # One of each kind goes before the measurement.
    frames = "described" if joined else "describe_frames"
    assert calls == {"describe_sounds": 1 + 3, "describe_texts": 1 + 3, frames: 1 + 3}


def counted(calls: Counter[str], name: str, function: Callable[..., object]) -> Callable[..., object]:
    def call(*arguments: object, **named: object) -> object:
        calls[name] += 1
        return function(*arguments, **named)

    return call
