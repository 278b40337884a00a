"""Empty panels are detected, and every variable of a panel is filled."""

from pathlib import Path
from typing import Any

import pytest

from ops.grafana.boards import BOARDS
from ops.grafana.panel import Board, Panel, Query
from ops.panels.pictures import draw
from ops.panels.queries import EXPECTED_EMPTY, PanelResult, fill
from ops.panels.stall import Stall

_BOARD = Board("board", "A board", "For a test.", {})
_VARIABLES = {"$__rate_interval": "30s", "$__range": "60s", "$namespace": ".*", "$stage": "match"}


def _result(*values: str, kind: Any = "lines") -> PanelResult:
    metric = {"__name__": "m", "le": "1.0"}
    series = [{"metric": metric, "values": [[at, value] for at, value in enumerate(values)]}] if values else []
    panel = Panel("A panel", "For a test.", "s", [Query("m", "{{le}}")], kind, limits=(1,))
    return PanelResult(_BOARD, panel, None, [series])


@pytest.mark.parametrize(("values", "is_empty"), [("0 1", False), ("", True), ("NaN NaN", True), ("+Inf", True)])
def test_a_panel_without_finite_numbers_is_empty(values: str, is_empty: bool) -> None:
    assert _result(*values.split()).is_empty is is_empty


def test_a_panel_is_empty_if_one_of_its_queries_returns_nothing() -> None:
    both = _result("1")
    assert PanelResult(both.board, both.panel, None, [both.series[0], []]).is_empty


def test_every_variable_of_every_panel_is_filled() -> None:
    for query in (query for board in BOARDS for panel in board.panels for query in panel.queries):
        fill(query.expr, _VARIABLES)


def test_an_unknown_variable_is_an_error() -> None:
    with pytest.raises(AssertionError):
        fill("m{pod=~'$pod'}", _VARIABLES)


def test_every_panel_expected_to_be_empty_exists() -> None:
    assert EXPECTED_EMPTY.keys() <= {panel.title for board in BOARDS for panel in board.panels}


def test_a_picture_is_drawn_of_results_and_of_an_empty_panel(tmp_path: Path) -> None:
    results = [_result("1", "2", "3", kind=kind) for kind in ("stat", "lines", "heatmap")] + [_result()]
    draw("A board", results, 0.0, tmp_path / "board.png")
    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("fired", "right"),
    [
        (["JikimiStageBehind audio"], True),
        (["JikimiStageBehind audio", "JikimiWorkerDown"], True),
        (["JikimiWorkerDown"], False),
        (["JikimiStageBehind audio", "JikimiStageBehind text"], False),
    ],
)
def test_only_the_stopped_stage_and_its_worker_may_be_alerted(fired: list[str], right: bool) -> None:
    assert Stall("audio", 80.0, 10.0, fired, []).is_right is right
