"""The system on real video: in one process on the embedded broker, a process per stage on Kafka, and under kill -9."""

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from rich.console import Console

from schemas.messages import Takedown
from streams.demo.demo import Demo, running
from streams.demo.report import Report

pytestmark = pytest.mark.timeout(600)

QUIET = Console(quiet=True)


class Outcome(NamedTuple):
    """Result of a run of the demo."""

    report: Report
    takedowns: list[Takedown]
    pages: list[str]
    """Metrics page of each process."""


def outcome(demo: Demo) -> Outcome:
    report = demo.play()
    assert demo.watcher is not None
    pages = [httpx.get(worker.metrics_url).text for worker in demo.workers if worker.is_alive()]
    return Outcome(report, demo.watcher.takedowns, pages)


def decisions(report: Report) -> dict[str, tuple[str | None, str | None, str | None]]:
    """Return decision, case and dead-letter reason of every post."""
    return {post.what: (post.decision, post.case, post.dead_letter_reason) for post in report.posts}


@pytest.fixture(scope="module")
def undisturbed(kafka: str) -> Outcome:
    with running(QUIET, bootstrap_servers=kafka, separate=True) as demo:
        return outcome(demo)


def test_the_command_finds_every_copy_on_the_embedded_broker(tmp_path: Path) -> None:
    result = tmp_path / "out.json"
    command = [sys.executable, "-m", "streams.cli", "demo", "--json", str(result)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(result.read_bytes())["summary"]
    assert summary["posts"] >= 24
    assert (summary["missed"], summary["wrong_acts"]) == (0, 0)


def test_prometheus_can_read_every_process_of_the_demo(undisturbed: Outcome) -> None:
    assert all("jikimi_stage_seconds_bucket" in page for page in undisturbed.pages)


def test_a_process_per_stage_on_kafka_gives_the_same_verdicts(undisturbed: Outcome) -> None:
    assert undisturbed.report.passed, decisions(undisturbed.report)
    reasons = {post.dead_letter_reason for post in undisturbed.report.posts if post.kind == "broken"}
    assert reasons == {"media_unreadable", "link_gone", "link_private_address"}


def test_each_copy_is_taken_down_once(undisturbed: Outcome) -> None:
    events = Counter(event.event_id for event in undisturbed.takedowns)
    assert events
    assert set(events.values()) == {1}


def test_kill_9_of_every_stage_changes_no_verdict_and_repeats_no_takedown(kafka: str, undisturbed: Outcome) -> None:
    with running(QUIET, bootstrap_servers=kafka, separate=True) as demo:
        killer = threading.Thread(target=kill_each_once, args=(demo,))
        killer.start()
        disturbed = outcome(demo)
        killer.join()
    assert decisions(disturbed.report) == decisions(undisturbed.report)
    assert disturbed.report.passed
    ids = Counter(event.takedown_id for event in disturbed.takedowns)
    assert set(ids) == {event.takedown_id for event in undisturbed.takedowns}
    assert set(ids.values()) == {1}


def kill_each_once(demo: Demo) -> None:
    """Kill and restart one worker after the other, while posts are fed."""
    pause = threading.Event()
    for worker in demo.workers:
        pause.wait(4.0)
        worker.kill()
        worker.start()
