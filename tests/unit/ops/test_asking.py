"""What counts as an answer, and that no variable of a panel stays unfilled."""

from pathlib import Path
from typing import Any

import pytest

from ops.grafana.boards import BOARDS
from ops.grafana.panel import Board, Panel, Query
from ops.panels.asking import SILENT, Answer, fill
from ops.panels.pictures import draw

_BOARD = Board("board", "A board", "For a test.", {})
_VARIABLES = {"$__rate_interval": "30s", "$__range": "60s", "$namespace": ".*", "$stage": "match"}


def _answer(*values: str, kind: Any = "lines", title: str = "A panel") -> Answer:
    metric = {"__name__": "m", "le": "1.0"}
    series = [{"metric": metric, "values": [[at, value] for at, value in enumerate(values)]}] if values else []
    return Answer(_BOARD, Panel(title, "For a test.", "s", [Query("m", "{{le}}")], kind, limits=(1,)), None, [series])


def test_numbers_are_an_answer() -> None:
    assert not _answer("0", "1").is_empty


def test_nothing_is_no_answer() -> None:
    assert _answer().is_empty


def test_not_a_number_is_no_answer() -> None:
    assert _answer("NaN", "NaN").is_empty
    assert _answer("+Inf").is_empty


def test_one_query_of_two_without_answer_makes_a_panel_empty() -> None:
    both = _answer("1")
    assert Answer(both.board, both.panel, None, [both.series[0], []]).is_empty


def test_every_variable_of_every_panel_is_filled() -> None:
    for board in BOARDS:
        for panel in board.panels:
            for query in panel.queries:
                fill(query.expr, _VARIABLES)


def test_a_variable_that_nobody_knows_is_no_silent_answer() -> None:
    with pytest.raises(AssertionError):
        fill("m{pod=~'$pod'}", _VARIABLES)


def test_every_excuse_is_of_a_panel_there_is() -> None:
    assert SILENT.keys() <= {panel.title for board in BOARDS for panel in board.panels}


def test_a_picture_is_drawn_of_answers_and_of_silence(tmp_path: Path) -> None:
    answers = [_answer("1", "2", "3", kind=kind) for kind in ("stat", "lines", "heatmap")] + [_answer()]
    draw("A board", answers, 0.0, tmp_path / "board.png")
    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")
