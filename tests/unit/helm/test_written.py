"""The chart agrees with the code."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.exceptions import TyperException

from ops.chart.render import CASES
from ops.chart.written import CHART, written
from tests.support.commands import parse
from tests.unit.helm.made import of_kind, pods, rendered

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", written())
def test_generated_files_are_current(name: str) -> None:
    assert (CHART / name).read_text("utf-8") == written()[name], "run make chart"


def test_the_chart_installs_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["appVersion"] == project["version"]


@pytest.mark.parametrize("case", CASES)
def test_every_pod_runs_an_existing_command(case: str) -> None:
    for pod in pods(rendered(case)).values():
        parse(pod["containers"][0]["args"])


@pytest.mark.parametrize("arguments", [["works"], ["worker"], ["topics", "create", "--nonsense"], ["feed", "nonsense"]])
def test_a_command_that_does_not_exist_is_refused(arguments: list[str]) -> None:
    with pytest.raises(TyperException):
        parse(arguments)


def test_all_rules_and_dashboards_are_shipped_unchanged() -> None:
    objects = rendered("default")
    rules = of_kind(objects, "PrometheusRule")
    for file in (CHART / "rules").glob("*.yaml"):
        assert rules[f"guard-jikimi-{file.stem}"]["spec"] == yaml.safe_load(file.read_text("utf-8"))
    boards: dict[str, Any] = {}
    for found in of_kind(objects, "ConfigMap").values():
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        boards |= {name: json.loads(text) for name, text in found["data"].items()}
    files = (CHART / "dashboards").glob("*.json")
    assert boards == {f"jikimi-{file.name}": json.loads(file.read_text("utf-8")) for file in files}
    assert len(rules) == len(list((CHART / "rules").glob("*.yaml")))


def test_monitoring_objects_are_off_by_default() -> None:
    assert {found["kind"] for found in rendered("minimal")} == {"Deployment", "StatefulSet", "Job"}
