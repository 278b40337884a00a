"""The system on real video: in one process on the embedded broker, and a process per stage on Kafka."""

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

import httpx
import msgspec
import pytest
from rich.console import Console

from schemas.messages import Takedown
from streams.demo.demo import Demo, running
from streams.demo.results import Report
from streams.demo.scenario import CASES, CLOVER
from streams.topology import STAGES
from tests.support.deadline import DEADLINE_S, until

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
    pages = [httpx.get(worker.metrics_url, timeout=DEADLINE_S).text for worker in demo.workers if worker.is_alive()]
    return Outcome(report, demo.watcher.takedowns, pages)


def decisions(report: Report) -> dict[str, tuple[str | None, str | None, str | None]]:
    """Return decision, case and dead-letter reason of every post."""
    return {post.what: (post.decision, post.case, post.dead_letter_reason) for post in report.posts}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the copies, which every run of the demo shares."""
    return tmp_path_factory.mktemp("media")


class InOneProcess(NamedTuple):
    """Result of the command."""

    report: Report
    late: str
    """First page of its console afterwards."""
    jobs: str
    """Its review queue afterwards."""


@pytest.fixture(scope="module")
def in_one_process(media: Path, tmp_path_factory: pytest.TempPathFactory) -> InOneProcess:
    """Return the result of the command: all stages in one process, on the embedded broker."""
    folder = tmp_path_factory.mktemp("demo")
    result = folder / "out.json"
    command = [sys.executable, "-m", "streams.cli", "demo", "--keep", "--json", str(result), "--media", str(media)]
    with (
        (folder / "errors").open("w+") as errors,
        started(command, errors) as demo,
        httpx.Client(timeout=DEADLINE_S) as browser,
    ):
        first = browser.get(printed(demo, r"http://\S+/enter/\S+"), follow_redirects=True)
        until(lambda: CLOVER.name in browser.get(first.url).text)  # while the posts are fed
        assert printed(demo, r"http://\S+/enter/\S+").startswith(str(first.url))  # for another browser
        printed(demo, "stay up")
        late, jobs = browser.get(first.url), browser.get(first.url.join("/reviews"))
        demo.send_signal(signal.SIGINT)
        demo.communicate()
        assert demo.returncode == 0, errors.seek(0) or errors.read()
    report = msgspec.json.decode(result.read_bytes(), type=Report)
    return InOneProcess(report, late.raise_for_status().text, jobs.raise_for_status().text)


@contextmanager
def started(command: list[str], errors: IO[str]) -> Iterator[subprocess.Popen[str]]:
    """Yield a process whose output is read line by line."""
    # A test run in the background ignores SIGINT, and its children would too.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, preexec_fn=heed) as process:  # noqa: PLW1509
        try:
            yield process
        finally:
            process.terminate()


def printed(demo: subprocess.Popen[str], pattern: str) -> str:
    """Return the next text of a pattern that it prints."""
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if found := re.search(pattern, line):
            return found[0]
    pytest.fail(f"it ended: {''.join(lines)}")


def test_the_command_finds_every_copy_on_the_embedded_broker(in_one_process: InOneProcess) -> None:
    report = in_one_process.report
    assert report.summary.posts >= 24
    assert report.passed, decisions(report)
    assert report.summary.looked_at_again > 0
    assert_every_broken_post_has_its_reason(report)


def test_its_console_shows_what_was_found_and_stays_up_until_it_is_interrupted(in_one_process: InOneProcess) -> None:
    summary = in_one_process.report.summary
    assert {case.name for case in CASES} <= set(re.findall(r"\w+", in_one_process.late))
    assert in_one_process.jobs.count('href="/review?') == summary.reviews


@pytest.mark.long
def test_a_process_per_stage_on_kafka_comes_to_the_same_verdicts_and_takes_each_copy_down_once(
    kafka: str, media: Path, in_one_process: InOneProcess
) -> None:
    with running(QUIET, bootstrap_servers=kafka, separate=True, media=media) as demo:
        undisturbed = outcome(demo)
    assert undisturbed.report.passed, decisions(undisturbed.report)
    assert decisions(undisturbed.report) == decisions(in_one_process.report)
    assert_every_broken_post_has_its_reason(undisturbed.report)
    events = Counter(event.event_id for event in undisturbed.takedowns)
    assert events
    assert set(events.values()) == {1}
    assert len(undisturbed.pages) == len(STAGES)
    assert all("jikimi_stage_seconds_bucket" in page for page in undisturbed.pages)


def assert_every_broken_post_has_its_reason(report: Report) -> None:
    reasons = {post.dead_letter_reason for post in report.posts if post.kind == "broken"}
    assert reasons == {"media_unreadable", "link_gone", "link_private_address"}
