"""The committed dashboards and rules equal their source, and are documented for the reader."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics import MetricWrapperBase

from ops.grafana import boards
from ops.grafana.panel import Board, Panel
from ops.prometheus import alerts, rules
from streams.telemetry import metrics
from tests.unit.ops.test_alerts import CASES

_ROOT = Path(__file__).parents[3]
_MADE = boards.files() | rules.files()
_PANELS = {f"{board.name}: {panel.title}": (board, panel) for board in boards.BOARDS for panel in board.panels}
_METRIC = re.compile(r"\bjikimi_\w+")


def _declared() -> set[str]:
    names = set()
    for metric in vars(metrics).values():
        for family in metric.describe() if isinstance(metric, MetricWrapperBase) else []:
            suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(family.type, [""])
            names |= {family.name + suffix for suffix in suffixes}
    return names


@pytest.mark.parametrize("path", _MADE, ids=lambda path: path.name)
def test_a_committed_file_equals_its_source(path: Path) -> None:
    assert path.read_text("utf-8") == _MADE[path], "run `make dashboards`"


def test_there_are_no_other_files_beside_them() -> None:
    assert {*boards.FOLDER.iterdir(), *rules.FOLDER.iterdir()} == _MADE.keys()


def test_generation_is_deterministic() -> None:
    assert boards.files() == boards.files()


@pytest.mark.parametrize(("board", "panel"), _PANELS.values(), ids=_PANELS.keys())
def test_a_panel_is_described(board: Board, panel: Panel) -> None:
    assert panel.title
    assert panel.description.endswith(".")
    assert panel.unit
    assert len(panel.queries) == 1 or len({query.legend for query in panel.queries}) == len(panel.queries)
    assert ("$stage" in str(panel.queries)) <= (board.stage != "none")


@pytest.mark.parametrize("board", boards.BOARDS, ids=lambda board: board.name)
def test_the_json_contains_every_panel_completely(board: Board) -> None:
    made: dict[str, Any] = json.loads(_MADE[boards.FOLDER / f"{board.name}.json"])
    panels = [panel for panel in made["panels"] if panel["type"] != "row"]
    assert [panel["title"] for panel in panels] == [panel.title for panel in board.panels]
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
    for panel, meant in zip(panels, board.panels, strict=True):
        assert panel["fieldConfig"]["defaults"]["unit"] == meant.unit
        assert [target["expr"] for target in panel["targets"]] == [query.expr for query in meant.queries]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


@pytest.mark.parametrize("board", boards.BOARDS, ids=lambda board: board.name)
def test_no_two_panels_of_a_dashboard_overlap(board: Board) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(_MADE[boards.FOLDER / f"{board.name}.json"])["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_only_declared_metrics_are_queried() -> None:
    queried = {name for path, text in _MADE.items() for name in _METRIC.findall(text)}
    assert queried <= _declared()


def test_every_declared_metric_is_shown() -> None:
    shown = {name for board in boards.BOARDS for panel in board.panels for name in _METRIC.findall(str(panel.queries))}
    unseen = {name for name in _declared() if not name.endswith(("_bucket", "_count", "_sum"))} - shown
    histograms = {name.removesuffix("_bucket") for name in _declared() if name.endswith("_bucket")}
    unseen |= {name for name in histograms if not {name + end for end in ("_bucket", "_count", "_sum")} & shown}
    assert not unseen


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    named = {rule["annotations"]["runbook_url"] for rule in alerts.alerts()}
    assert named == {f"{alerts.RUNBOOKS}/{page.name}" for page in (_ROOT / alerts.RUNBOOKS).glob("Jikimi*.md")}
    for rule in alerts.alerts():
        page = (_ROOT / rule["annotations"]["runbook_url"]).read_text("utf-8")
        assert page.startswith(f"# {rule['alert']}\n")
        for heading in ("For a victim", "First checks", "Remedy", "Escalation"):
            assert f"\n## {heading}\n" in page


def test_every_alert_is_tested_firing_and_silent() -> None:
    names = {rule["alert"] for rule in alerts.alerts()}
    assert names == {case.alert for case in CASES if case.summary} == {case.alert for case in CASES if not case.summary}


def test_only_windows_offsets_and_waits_are_divided() -> None:
    rule = {"alert": "A", "expr": "rate(a[30m]) > 60 and b offset 1h > 0.5", "for": "2m"}
    assert rules.faster(rule, 10) == {"alert": "A", "expr": "rate(a[180s]) > 60 and b offset 360s > 0.5", "for": "12s"}
