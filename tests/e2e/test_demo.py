"""The system on real video: in one process on the embedded broker, and a process per stage on Kafka."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import pytest
from rich.console import Console

from schemas.messages import Takedown
from streams.demo.demo import Demo, running
from streams.demo.report import Report
from streams.topology import STAGES

pytestmark = pytest.mark.timeout(1800)  # several waits of the demo, each with a limit of its own

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
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the copies, which every run of the demo shares."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def in_one_process(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Return the report of the command: all stages in one process, on the embedded broker."""
    result = tmp_path_factory.mktemp("demo") / "out.json"
    command = [sys.executable, "-m", "streams.cli", "demo", "--json", str(result), "--media", str(media)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return msgspec.json.decode(result.read_bytes(), type=Report)


def test_the_command_finds_every_copy_on_the_embedded_broker(in_one_process: Report) -> None:
    assert in_one_process.summary.posts >= 24
    assert (in_one_process.summary.missed, in_one_process.summary.wrong_acts) == (0, 0)
    assert_every_broken_post_has_its_reason(in_one_process)


@pytest.mark.long
def test_a_process_per_stage_on_kafka_comes_to_the_same_verdicts_and_takes_each_copy_down_once(
    kafka: str, media: Path, in_one_process: Report
) -> None:
    with running(QUIET, bootstrap_servers=kafka, separate=True, media=media) as demo:
        undisturbed = outcome(demo)
    assert undisturbed.report.passed, decisions(undisturbed.report)
    assert decisions(undisturbed.report) == decisions(in_one_process)
    assert_every_broken_post_has_its_reason(undisturbed.report)
    events = Counter(event.event_id for event in undisturbed.takedowns)
    assert events
    assert set(events.values()) == {1}
    assert len(undisturbed.pages) == len(STAGES)
    assert all("jikimi_stage_seconds_bucket" in page for page in undisturbed.pages)


def assert_every_broken_post_has_its_reason(report: Report) -> None:
    reasons = {post.dead_letter_reason for post in report.posts if post.kind == "broken"}
    assert reasons == {"media_unreadable", "link_gone", "link_private_address"}
