"""Test of dashboards and alerts on a real run: python -m ops.panels [--json FILE] [--bootstrap-servers HOST:PORT].

Kafka, a process per stage, monitor and feed, real media, and a real Prometheus with the shipped rules, whose windows,
offsets and waits are divided by one factor (`ops.panels.system.FASTER`); thresholds are as shipped.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.chart.render import CASES, render, values_of
from ops.java import UnavailableError
from ops.panels.pictures import draw
from ops.panels.queries import PanelResult, query_alerts, query_panels
from ops.panels.replays import replayed_verdicts
from ops.panels.stall import Stall, stall
from ops.panels.system import FASTER, System, running
from ops.prometheus.alerts import RUNBOOKS
from streams.demo.scenario import WILLOW
from streams.errors import UsageError

_ROOT = Path(__file__).parents[2]
_IMAGES = _ROOT / "ops" / "docs" / "images"
_WARM_UP_S = 90.0
_LATE_CASE_S = 45.0
_STALLED = "audio"


def main(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here too.")] = None,
    bootstrap_servers: Annotated[str | None, typer.Option(help="A Kafka to use instead of one of its own.")] = None,
    images: Annotated[Path | None, typer.Option(help="Draw the main dashboards into this folder.")] = None,
) -> None:
    """Run the test; exit with 1 if a check fails."""
    try:
        with running(bootstrap_servers) as system:
            result = _run(system, images)
    except (UnavailableError, UsageError, RuntimeError) as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    text = json.dumps(result, indent=2, ensure_ascii=False)
    typer.echo(text)
    if json_file is not None:
        json_file.write_text(text + "\n", "utf-8")
    sys.exit(0 if result["right"] else 1)


def _run(system: System, images: Path | None) -> dict[str, Any]:
    _log(f"{len(system.processes)} processes running; posts are fed for {_WARM_UP_S + _LATE_CASE_S:g} s")
    time.sleep(_WARM_UP_S)
    system.open_case(WILLOW)  # its copies were already posted: the archive is searched for it
    time.sleep(_LATE_CASE_S)
    fired_before = sorted(labels["alertname"] for labels in system.prometheus.firing())
    _log(f"stage {_STALLED} is stopped while posts arrive")
    stalled = stall(system, _STALLED)
    _log(f"alerts while it was stopped: {stalled.fired}; resolved after {stalled.resolved_after_s} s")
    results = query_panels(system.prometheus, system.started_at, time.time())
    missing = query_alerts(system.prometheus)
    if images is not None:
        _draw(results, system.started_at, images)
    _log("the input is replayed twice")
    first, second = replayed_verdicts(system)
    summary = _summary(results, missing, stalled, fired_before, system.ended())
    rest = {
        "charts_rendered": sum(len(render(values_of(case))) > 0 for case in CASES),
        "replay_verdicts": sum(len(verdicts) for verdicts in first.values()),
        "replay_identical": first == second and any(first.values()),
    }
    return summary | rest | {"right": summary["right"] and rest["charts_rendered"] > 0 and rest["replay_identical"]}


def _summary(
    results: list[PanelResult], missing: dict[str, list[str]], stalled: Stall, fired_before: list[str], ended: list[str]
) -> dict[str, Any]:
    empty = [result for result in results if result.is_empty]
    unexpected = [result.name for result in empty if result.expected_empty is None]
    runbooks = sum((_ROOT / RUNBOOKS / f"{name}.md").is_file() for name in missing)
    right = (
        not (unexpected or any(missing.values()) or fired_before or ended)
        and stalled.is_right
        and runbooks == len(missing)
    )
    return {
        "panels": len(results),
        "empty_panels": len(unexpected),
        "empty_panels_named": unexpected,
        "silent_panels": {result.name: result.expected_empty for result in empty if result.expected_empty},
        "alerts": len(missing),
        "alerts_without_metric": {name: metrics for name, metrics in missing.items() if metrics},
        "runbooks": runbooks,
        "rules_faster_by": FASTER,
        "fired_before_the_stall": fired_before,
        "stall": asdict(stalled),
        "processes_ended": ended,
        "right": right,
    }


def _draw(results: list[PanelResult], started_at: float, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for board in ("overview", "latency", "takedowns"):
        of_board = [result for result in results if result.board.name == board]
        chosen = [result for result in of_board if result.panel.title != "$stage: waiting"]
        draw(chosen[0].board.title, chosen, started_at, folder / f"{board}.png")


def _log(line: str) -> None:
    typer.echo(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}", err=True)


if __name__ == "__main__":
    typer.run(main)
