"""Replay of a recorded day beside live traffic: exactness, expected differences, and effect on live latency.

python -m ops.bench.replay [--posts 10000] [--json FILE]

The live posts go through real workers on the same broker and machine, under another prefix. Between the replays the
same traffic runs alone, so that both are measured within minutes of each other.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ops.bench.live_traffic import Latency, live_traffic
from ops.bench.recorded_day import make_pool, record_day
from ops.broker.kafka import Kafka
from ops.broker.raw import Broker
from schemas.messages import Evidence, Policy, Scores, Verdict
from streams.cases.policy import RANK, decide
from streams.demo.scenario import CLOVER, WILLOW
from streams.desk.new_case import NewCase
from streams.desk.open_case import add_case
from streams.fusion.pieces import evidence_of
from streams.kafka import topic_admin
from streams.live_models.selection import create_registry
from streams.settings import Settings, load_settings

CHANGED = Policy(act=0.99, review=0.85, version="changed")
"""The cases' own policy is 0.95 and 0.5."""
RUNS = {"base": "", "again": "", "changed": f"policy={CHANGED.act}/{CHANGED.review}"}
_ALONE_S = 60.0
_LIVE_POSTS_PER_S = 2.0

type Decisions = dict[tuple[str, str | None], str]
"""Highest decision of each post and case."""


class Slice(NamedTuple):
    """Interval with a replay, or without one."""

    replay: str | None
    start_s: float
    end_s: float


def main() -> None:
    """Run the bench and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--scenes", type=int, default=16, help="clips and texts to describe")
    parser.add_argument("--bootstrap-servers", help="an existing Kafka; by default the bench starts one")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "media").mkdir()
        bootstrap = arguments.bootstrap_servers
        if bootstrap is None:
            (folder / "kafka").mkdir()
            bootstrap = stack.enter_context(Kafka(folder / "kafka")).bootstrap
        text = json.dumps(measure(bootstrap, folder, arguments.posts, arguments.scenes), indent=2)
    print(text)  # noqa: T201
    if arguments.json:
        arguments.json.write_text(text + "\n")


def measure(bootstrap: str, folder: Path, n_posts: int, n_scenes: int) -> dict[str, Any]:
    """Record a day, replay it beside live traffic, and return the figures."""
    recorded, live = (_environment(bootstrap, folder, name) for name in ("day", "live"))
    settings = _settings(recorded)
    for each in (settings, _settings(live)):
        topic_admin.create(each, replication=1)
        for case in (CLOVER, WILLOW):
            add_case(each, NewCase(case.name, case.references, case.terms))
    pool, demo = make_pool(settings, folder / "media", n_scenes)
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    n_descriptors = record_day(settings, pool, n_posts, day)
    _log(f"{n_posts} posts, {n_descriptors} descriptors recorded")
    with live_traffic(_settings(live), live, folder, [each.post for each in demo], _LIVE_POSTS_PER_S) as latencies:
        slices = _slices(recorded)
        measured = _compared(latencies(), slices)
    return {
        "posts": n_posts,
        "descriptors": n_descriptors,
        "media_described": len(pool.copies) + len(pool.others),
        "replay_s": {one.replay: round(one.end_s - one.start_s, 1) for one in slices if one.replay},
        **_exactness(Broker(bootstrap, settings.topic_prefix), settings),
        **measured,
    }


def _slices(environment: dict[str, str]) -> list[Slice]:
    """Run live traffic alone and beside a replay in turns."""
    found = []
    for run, changes in RUNS.items():
        options = ["replay", "--run", run, "--from", "descriptors", "--with", changes]
        command = [sys.executable, "-m", "streams.cli", *options]
        found.append(_timed(None, lambda: time.sleep(_ALONE_S)))
        found.append(_timed(run, lambda: subprocess.run(command, check=True, env=os.environ | environment)))  # noqa: B023, S603
    return [*found, _timed(None, lambda: time.sleep(_ALONE_S))]


def _timed(replay: str | None, work: Callable[[], object]) -> Slice:
    _log(f"live traffic and the replay {replay}" if replay else "live traffic alone")
    start_s = time.time()
    work()
    return Slice(replay, start_s, time.time())


def _compared(latencies: list[Latency], slices: list[Slice]) -> dict[str, Any]:
    """Return percentiles of the live latency, with a replay and without."""
    waited: dict[bool, list[float]] = {True: [], False: []}
    for latency in latencies:
        for one in slices:
            if one.start_s <= latency.seen_s < one.end_s:
                waited[one.replay is not None].append(latency.waited_s)
    alone, beside = (_percentiles(waited[with_replay]) for with_replay in (False, True))
    return {"live_alone": alone, "live_beside_replay": beside, "p99_ratio": round(beside["p99_s"] / alone["p99_s"], 3)}


def _percentiles(waited_s: list[float]) -> dict[str, float]:
    p50, p95, p99 = np.percentile(waited_s, (50, 95, 99)).round(3).tolist()
    return {"posts": len(waited_s), "p50_s": p50, "p95_s": p95, "p99_s": p99}


def _exactness(broker: Broker, settings: Settings) -> dict[str, Any]:
    base, changed = (_decisions(broker.messages("verdicts", run)) for run in ("base", "changed"))
    expected = _expected(broker.messages("scores", "base"), settings)
    outputs = [[broker.read(f"{topic}.{run}") for topic in ("verdicts", "scores")] for run in ("base", "again")]
    return {
        "identical": outputs[0] == outputs[1],
        "verdicts": len(base),
        "differences": len({pair for pair in base | changed if base.get(pair) != changed.get(pair)}),
        "expected_differences": len({pair for pair in base | expected if base.get(pair) != expected.get(pair)}),
        "differences_right": changed == expected,
    }


def _decisions(verdicts: list[Verdict]) -> Decisions:
    found: Decisions = {}
    for verdict in sorted(verdicts, key=lambda verdict: RANK[verdict.decision]):
        found[verdict.post.post_id, verdict.case_id] = verdict.decision
    return found


def _expected(scores: list[Scores], settings: Settings) -> Decisions:
    """Return the decisions of the changed policy, computed from the scores alone."""
    model = create_registry(settings).fusion(settings.fusion_model)
    evidence: dict[tuple[str, str | None], list[Evidence]] = {}
    for score in scores:
        for match in score.matches:
            piece = evidence_of(score, match, model)
            evidence.setdefault((score.segment.post.post_id, match.case_id), []).append(piece)
    found: Decisions = {pair: decide(model.judge(pieces).probability, CHANGED) for pair, pieces in evidence.items()}
    matched = {post_id for post_id, _ in evidence}
    posts = {score.segment.post.post_id for score in scores}
    return found | {(post_id, None): "dismiss" for post_id in posts - matched}


def _environment(bootstrap: str, folder: Path, name: str) -> dict[str, str]:
    return {
        "JIKIMI_BOOTSTRAP_SERVERS": bootstrap,
        "JIKIMI_TOPIC_PREFIX": f"{name}{time.time_ns() // 1_000_000 % 10**9}-",
        "JIKIMI_TERM_KEY": "a key for this bench only",
        "JIKIMI_FOUR_EYES": "false",  # nobody confirms the cases here
        "JIKIMI_MEDIA_FILE_ROOTS": json.dumps([str(folder / "media")]),
    }


def _settings(environment: dict[str, str]) -> Settings:
    for name, value in environment.items():
        os.environ[name] = value  # the media settings are read from there alone
    return load_settings()


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
