"""Prove dashboards and alerts on a real run: python -m ops.panels [--json FILE] [--bootstrap-servers HOST:PORT].

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
from ops.panels.asking import Answer, ask_alerts, ask_panels
from ops.panels.pictures import draw
from ops.panels.replays import replayed_verdicts
from ops.panels.stall import Stall, stall
from ops.panels.system import FASTER, System, open_late_case, running
from ops.prometheus.alerts import RUNBOOKS
from streams.errors import UsageError

_ROOT = Path(__file__).parents[2]
_IMAGES = _ROOT / "ops" / "docs" / "images"
_WARM_S = 90.0
_LATE_CASE_S = 45.0
_STALLED = "audio"


def main(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here too.")] = None,
    bootstrap_servers: Annotated[str | None, typer.Option(help="A Kafka to use instead of one of its own.")] = None,
    images: Annotated[Path | None, typer.Option(help="Draw the main dashboards into this folder.")] = None,
) -> None:
    """Run the proof; exit with 1 if anything is not right."""
    try:
        with running(bootstrap_servers) as system:
            result = _prove(system, images)
    except (UnavailableError, UsageError, RuntimeError) as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    text = json.dumps(result, indent=2, ensure_ascii=False)
    typer.echo(text)
    if json_file is not None:
        json_file.write_text(text + "\n", "utf-8")
    sys.exit(0 if result["right"] else 1)


def _prove(system: System, images: Path | None) -> dict[str, Any]:
    _tell(f"{len(system.processes)} processes at work; posts come for {_WARM_S + _LATE_CASE_S:g} s")
    time.sleep(_WARM_S)
    open_late_case(system)
    time.sleep(_LATE_CASE_S)
    fired_before = sorted(labels["alertname"] for labels in system.prometheus.firing())
    _tell(f"stage {_STALLED} is stopped while posts come")
    stalled = stall(system, _STALLED)
    _tell(f"alerts while it stood: {stalled.fired}; resolved after {stalled.resolved_after_s}")
    answers = ask_panels(system.prometheus, system.started_at, time.time())
    missing = ask_alerts(system.prometheus)
    if images is not None:
        _draw(answers, system.started_at, images)
    _tell("what came in is replayed twice")
    first, second = replayed_verdicts(system)
    seen = _seen(answers, missing, stalled, fired_before, system.ended())
    rest = {
        "charts_rendered": sum(len(render(values_of(case))) > 0 for case in CASES),
        "replay_verdicts": sum(len(verdicts) for verdicts in first.values()),
        "replay_identical": first == second and any(first.values()),
    }
    return seen | rest | {"right": seen["right"] and rest["charts_rendered"] > 0 and rest["replay_identical"]}


def _seen(
    answers: list[Answer], missing: dict[str, list[str]], stalled: Stall, fired_before: list[str], ended: list[str]
) -> dict[str, Any]:
    empty = [answer for answer in answers if answer.is_empty]
    unexcused = [answer.name for answer in empty if answer.excuse is None]
    runbooks = sum((_ROOT / RUNBOOKS / f"{name}.md").is_file() for name in missing)
    right = (
        not (unexcused or any(missing.values()) or fired_before or ended)
        and stalled.is_right
        and runbooks == len(missing)
    )
    return {
        "panels": len(answers),
        "empty_panels": len(unexcused),
        "empty_panels_named": unexcused,
        "silent_panels": {answer.name: answer.excuse for answer in empty if answer.excuse},
        "alerts": len(missing),
        "alerts_without_metric": {name: metrics for name, metrics in missing.items() if metrics},
        "runbooks": runbooks,
        "rules_faster_by": FASTER,
        "fired_before_the_stall": fired_before,
        "stall": asdict(stalled),
        "processes_ended": ended,
        "right": right,
    }


def _draw(answers: list[Answer], started_at: float, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for board in ("overview", "latency", "takedowns"):
        chosen = [
            answer for answer in answers if answer.board.name == board and answer.panel.title != "$stage: waiting"
        ]
        draw(chosen[0].board.title, chosen, started_at, folder / f"{board}.png")


def _tell(line: str) -> None:
    typer.echo(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}", err=True)


if __name__ == "__main__":
    typer.run(main)
