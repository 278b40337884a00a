"""Replays on a real Kafka: the same input gives the same bytes, and nothing live changes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ops.broker.raw import CODEC, Broker, Fed
from schemas.messages import DeadLetter, Medium, Post, Run, Scores, Verdict
from streams.cases.policy import decide
from streams.demo.scenario import MEDIA
from streams.live_models.selection import create_registry
from tests.integration.recorded import DAY, traffic
from tests.integration.system import Answer, System
from tests.support.brokers import new_prefix
from tests.support.deadline import DEADLINE_S

N_POSTS, N_BROKEN = 200, 2
LIVE_GROUP = "jikimi-match"
DESCRIPTORS = ("--from", "descriptors")
SLOWLY = ("--max-rate", "25")
"""Records a second: a run of half a minute is still under way when a test on a busy machine looks at it."""


class Replayer(NamedTuple):
    """A system with recorded traffic, and the broker beside it."""

    system: System
    broker: Broker

    def run(self, run: str, *arguments: str) -> Answer:
        return self.jikimi("replay", "--nice", "0", "--run", run, *arguments)

    def jikimi(self, *arguments: str) -> Answer:
        return self.system.jikimi_here(*arguments)

    def done(self, run: str, *arguments: str) -> None:
        answer = self.run(run, *arguments)
        assert answer.code == 0, answer.err
        assert f"{run} is finished" in answer.out
        assert self.stored(run).finished_at is not None  # waits until readers see it, a moment after the commit

    def outputs(self, run: str, *topics: str) -> dict[str, Any]:
        return {topic: self.broker.read(f"{topic}.{run}") for topic in topics or ("scores", "verdicts", "dead-letters")}

    def verdicts(self, run: str) -> list[Verdict]:
        return self.broker.messages("verdicts", run)

    def stored(self, run: str) -> Run:
        latest: Run = [record for record in self.broker.messages("runs") if record.run_id == run][-1]
        return latest

    def live_topics(self) -> set[str]:
        return {topic for topic in self.broker.topics() if "." not in topic}

    def start(self, run: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "replay", "--nice", "0", "--run", run, *arguments],
            env=os.environ | self.system.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@pytest.fixture(scope="module")
def recorded(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayer]:
    """Yield a system with a recorded day and its run `base`."""
    prefix = new_prefix()
    system = System(kafka, prefix, tmp_path_factory.mktemp("recorded"))
    broker = Broker(kafka, prefix)
    broken = Fed("descriptors", "broken", b"\xc3\x01 no message", DAY + timedelta(hours=3))
    empty = Fed("descriptors", "empty", None, DAY + timedelta(hours=4))
    broker.feed(sorted([*traffic(N_POSTS), broken, empty], key=lambda record: record.at))
    replayer = Replayer(system, broker)
    replayer.done("base", *DESCRIPTORS)
    yield replayer
    system.close()


def decisions(verdicts: list[Verdict]) -> Counter[tuple[str, str | None, str]]:
    return Counter((verdict.post.post_id, verdict.case_id, verdict.decision) for verdict in verdicts)


def refused(answer: Answer, *texts: str) -> None:
    assert (answer.code, answer.out) == (2, ""), answer
    assert len(answer.err.splitlines()) == 1, answer.err
    for text in texts:
        assert text in answer.err


def test_every_decision_and_reason_occurs_in_the_recorded_day(recorded: Replayer) -> None:
    verdicts = recorded.verdicts("base")
    assert {verdict.decision for verdict in verdicts} == {"act", "review", "dismiss"}
    assert {verdict.reason for verdict in verdicts} >= {"early", "complete", "deadline"}
    assert {verdict.post.post_id for verdict in verdicts} == {f"post-{number}" for number in range(N_POSTS)}


def test_the_same_input_gives_the_same_bytes(recorded: Replayer) -> None:
    recorded.done("again", *DESCRIPTORS)
    again, base = recorded.outputs("again"), recorded.outputs("base")
    assert again == base
    read = sum(map(len, recorded.broker.read("descriptors").values()))
    assert sum(map(len, base["scores"].values())) == read - N_BROKEN


def test_a_replay_uses_the_event_time_of_the_records(recorded: Replayer) -> None:
    for verdict in recorded.verdicts("base"):
        waited_s = (verdict.decided_at - verdict.post.seen_at).total_seconds()
        assert 0 <= waited_s <= 60, verdict
    (times,) = [
        {kept.timestamp_ms for partition in recorded.broker.read("verdicts.base").values() for kept in partition}
    ]
    assert all(DAY.timestamp() * 1000 <= time_ms < (DAY + timedelta(days=2)).timestamp() * 1000 for time_ms in times)


def test_a_broken_record_is_a_dead_letter_of_the_run_with_event_time(recorded: Replayer) -> None:
    letters: list[DeadLetter] = recorded.broker.messages("dead-letters", "base")
    assert sorted((letter.stage, letter.reason, letter.key) for letter in letters) == [
        ("match", "wire_empty", b"empty"),
        ("match", "wire_unknown_fingerprint", b"broken"),
    ]
    assert all(DAY + timedelta(hours=2) < letter.at < DAY + timedelta(hours=5) for letter in letters)
    assert recorded.broker.messages("dead-letters") == []
    assert recorded.stored("base").dead_letters == 2


def test_another_policy_changes_decisions_and_no_probabilities(recorded: Replayer) -> None:
    recorded.done("strict", *DESCRIPTORS, "--with", "policy=0.999/0.9")
    assert recorded.outputs("strict", "scores") == recorded.outputs("base", "scores")
    after = {(v.post.post_id, v.case_id): v for v in recorded.verdicts("strict")}
    before = {(v.post.post_id, v.case_id): v for v in recorded.verdicts("base")}
    assert after.keys() == before.keys()
    (policy,) = [recorded.stored("strict").choice.policy]
    assert policy is not None
    expected = 0
    for pair, verdict in before.items():
        if pair[1] is None:
            assert after[pair] == verdict
        elif verdict.reason != "early":
            assert (after[pair].probability, after[pair].decision) == (
                verdict.probability,
                decide(verdict.probability, policy),
            )
            expected += after[pair].decision != verdict.decision
    assert expected > 5


def test_another_fusion_model_changes_only_posts_with_a_match_in_sound(recorded: Replayer) -> None:
    recorded.done("second", *DESCRIPTORS, "--with", "fusion=noisy-or@2")
    assert recorded.outputs("second", "scores") == recorded.outputs("base", "scores")
    only_base = decisions(recorded.verdicts("base")) - decisions(recorded.verdicts("second"))
    only_second = decisions(recorded.verdicts("second")) - decisions(recorded.verdicts("base"))
    matched = matched_modalities(recorded.broker.messages("scores", "base"))
    model = create_registry(recorded.system.settings).fusion("noisy-or@2")
    assert len(only_base) > 3
    assert len(only_second) > 3
    # The models differ only in the probability of sound, so no post without a match in sound may change.
    assert {post_id for post_id, _, _ in only_base + only_second} <= {
        post_id for post_id, modalities in matched.items() if "audio" in modalities
    }
    assert model.version == "2"


def matched_modalities(scores: list[Scores]) -> dict[str, set[str]]:
    """Return the modalities with a match, by post id."""
    matched: dict[str, set[str]] = {}
    for score in scores:
        matched.setdefault(score.segment.post.post_id, set()).update({score.modality} if score.matches else set())
    return matched


def test_replayed_scores_lead_to_the_same_verdicts_as_their_descriptors(recorded: Replayer) -> None:
    scores = recorded.broker.read("scores.base")
    # On the live topic with the timestamps of the records, as stage match would have written them.
    fed = [
        Fed(
            "scores",
            (kept.key or b"").decode(),
            kept.value,
            DAY + timedelta(milliseconds=kept.timestamp_ms - base_ms()),
        )
        for partition in scores.values()
        for kept in partition
    ]
    recorded.broker.feed(fed)
    recorded.done("fused", "--from", "scores")
    assert decisions(recorded.verdicts("fused")) == decisions(recorded.verdicts("base"))
    assert "scores.fused" not in recorded.broker.topics()


def base_ms() -> int:
    return round(DAY.timestamp() * 1000)


def test_only_the_requested_window_is_read(recorded: Replayer) -> None:
    recorded.done("noon", *DESCRIPTORS, "--since", f"{DAY:%Y-%m-%dT06:00}", "--until", f"{DAY:%Y-%m-%dT12:00:00+00:00}")
    posts = {verdict.post.post_id for verdict in recorded.verdicts("noon")}
    whole = {f"post-{number}" for number in range(N_POSTS // 4 + 1, N_POSTS // 2 - 1)}
    edges = {f"post-{number}" for number in range(N_POSTS // 4 - 1, N_POSTS // 2 + 1)}
    assert whole <= posts <= edges
    run = recorded.stored("noon")
    assert (run.since, run.until) == (DAY + timedelta(hours=6), DAY + timedelta(hours=12))


def test_a_replay_changes_nothing_live(recorded: Replayer) -> None:
    live = recorded.live_topics() - {"runs", "acts"}
    before = recorded.broker.ends(live)
    committed = recorded.broker.committed(LIVE_GROUP, "descriptors")
    recorded.done("aside", *DESCRIPTORS)
    assert recorded.broker.ends(live) == before
    assert recorded.broker.committed(LIVE_GROUP, "descriptors") == committed
    assert recorded.live_topics() - {"runs", "acts"} == live
    # Its positions are committed to its own group.
    own = recorded.broker.committed("jikimi-replay-aside", "descriptors")
    ends = recorded.broker.ends({"descriptors"})
    assert own == [ends["descriptors", number] for number in range(len(own))]


def test_a_killed_run_is_continued_to_the_same_bytes(recorded: Replayer) -> None:
    for n_more in (1, 40, 40):
        process = recorded.start("killed", *DESCRIPTORS, *SLOWLY)
        wait_for_scores(recorded, "killed", process, n_more)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert recorded.stored("killed").finished_at is None
    recorded.done("killed")  # continuing needs no arguments
    assert recorded.outputs("killed") == recorded.outputs("base")
    assert recorded.stored("killed").records == recorded.stored("base").records
    assert recorded.stored("killed").dead_letters == 2


def wait_for_scores(recorded: Replayer, run: str, process: subprocess.Popen[bytes], n_more: int = 50) -> None:
    """Return as soon as the run has written `n_more` further scores."""
    topic, deadline = f"scores.{run}", time.monotonic() + DEADLINE_S
    start = end = n_written(recorded, topic)
    while end < start + n_more:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
        end = n_written(recorded, topic)


def n_written(recorded: Replayer, topic: str) -> int:
    return sum(recorded.broker.ends({topic}).values()) if topic in recorded.broker.topics() else 0


def test_a_second_process_of_a_run_fences_the_first(recorded: Replayer) -> None:
    first = recorded.start("twice", *DESCRIPTORS, *SLOWLY)
    wait_for_scores(recorded, "twice", first)
    recorded.done("twice")
    _, err = first.communicate(timeout=DEADLINE_S)
    assert first.returncode == 2
    assert "taken over" in err.decode().splitlines()[-1]
    assert recorded.outputs("twice") == recorded.outputs("base")


def test_a_running_run_is_not_cleaned_and_a_stopped_run_is_continued(recorded: Replayer) -> None:
    process = recorded.start("paused", *DESCRIPTORS, *SLOWLY)
    wait_for_scores(recorded, "paused", process)
    refused(recorded.jikimi("replay", "clean", "paused"), "paused is running")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, err) == (0, b"")
    assert b"was stopped" in out
    recorded.done("paused", *DESCRIPTORS)
    assert recorded.outputs("paused") == recorded.outputs("base")


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (("--from", "verdicts"), ["'verdicts'", "descriptors"]),
        (("--from", "posts"), ["posts holds nothing", "it is empty"]),
        ((*DESCRIPTORS, "--since", "yesterday"), ["'yesterday'", "24h"]),
        ((*DESCRIPTORS, "--since", "1h"), ["holds nothing", f"from {DAY:%Y-%m-%dT00:0}"]),
        ((*DESCRIPTORS, "--until", "2020-01-01"), ["holds nothing", f"to {DAY:%Y-%m-%dT23}"]),
        ((*DESCRIPTORS, "--since", "2026-03-02", "--until", "2026-03-01"), ["is not before"]),
        ((*DESCRIPTORS, "--with", "fusion=nonsense"), ["nonsense", "noisy-or@1"]),
        ((*DESCRIPTORS, "--with", "fusion=noisy-or@77"), ["noisy-or@77"]),
        ((*DESCRIPTORS, "--with", "policy=high"), ["'high'"]),
        ((*DESCRIPTORS, "--with", "visual=sscd-int8"), ["visual", "--from frames"]),
        (
            ("--from", "frames", "--with", "visual=sscd-int8"),
            ["no open case is described by sscd-int8@0.1.0", "case describe"],
        ),
        ((), ["no replay refused", "--from"]),
    ],
)
def test_an_invalid_replay_is_refused_before_anything_is_written(
    recorded: Replayer, arguments: tuple[str, ...], texts: list[str]
) -> None:
    topics, ends = recorded.broker.topics(), recorded.broker.ends({"runs"})
    refused(recorded.run("refused", *arguments), *texts)
    assert (recorded.broker.topics(), recorded.broker.ends({"runs"})) == (topics, ends)


@pytest.mark.parametrize("run", ["a.b", "a_b", "a b", "", "x" * 81, "ä"])
def test_an_id_that_is_invalid_in_topic_names_is_refused(recorded: Replayer, run: str) -> None:
    refused(recorded.run(run, *DESCRIPTORS), "cannot name a run")


def test_a_run_is_not_continued_with_other_arguments(recorded: Replayer) -> None:
    refused(recorded.run("base", *DESCRIPTORS, "--with", "fusion=noisy-or@2"), "noisy-or@1 -> noisy-or@2", "clean base")
    refused(recorded.run("base", "--from", "scores"), "source: descriptors -> scores")
    refused(recorded.run("base", *DESCRIPTORS, "--since", f"{DAY:%Y-%m-%d}"), "since")
    recorded.done("base")  # nothing to do


def test_a_changed_schema_is_refused_before_anything_is_written(kafka: str, prefix: str, tmp_path: Path) -> None:
    system, broker = System(kafka, prefix, tmp_path), Broker(kafka, prefix)
    broker.feed([Fed("descriptors", "k", b"\xc3\x01 version", DAY)])
    later = system.jikimi_here("replay", "--nice", "0", "--run", "later", *DESCRIPTORS)
    refused(later, "descriptors/", "version of Jikimi that wrote it")
    assert not any("later" in topic for topic in broker.topics())
    system.close()


def test_clean_deletes_all_topics_of_a_run_and_no_others(recorded: Replayer) -> None:
    recorded.done("gone", *DESCRIPTORS)
    live = recorded.live_topics()
    others = {topic for topic in recorded.broker.topics() if not topic.endswith(".gone")}
    answer = recorded.jikimi("replay", "clean", "gone", "--why", "no longer needed")
    assert answer.code == 0, answer.err
    recorded.system.wait("acts", lambda kept: {"no longer needed"} <= {one.message.why for one in kept})
    assert recorded.broker.topics() == others
    assert recorded.live_topics() == live
    assert recorded.broker.committed("jikimi-replay-gone", "descriptors") == [-1001] * 8
    refused(recorded.jikimi("replay", "clean", "gone"), "no run gone", "replay list")
    recorded.done("gone", *DESCRIPTORS)  # the id is free again
    assert recorded.outputs("gone") == recorded.outputs("base")


def test_clean_of_an_unknown_run_deletes_nothing(recorded: Replayer) -> None:
    before = recorded.broker.topics()
    refused(recorded.jikimi("replay", "clean", "unknown"), "no run unknown")
    assert recorded.broker.topics() == before


def test_posts_are_fetched_decoded_and_described_again_to_the_same_bytes(system: System, kafka: str) -> None:
    broker = Broker(kafka, system.settings.topic_prefix)
    broker.feed(
        [
            fed_post("clip", f"file://{MEDIA}/butterfly.mp4", 1),
            fed_post("words", None, 2),
            fed_post("broken", f"file://{MEDIA}/CREDITS.md", 3),
        ]
    )
    roots = {"JIKIMI_MEDIA_FILE_ROOTS": json.dumps([str(MEDIA)])}
    for run in ("once", "twice"):
        answer = system.jikimi_here("replay", "--nice", "0", "--run", run, "--from", "posts", environment=roots)
        assert answer.code == 0, answer.err
    topics = ("texts", "descriptors", "scores", "verdicts", "dead-letters")
    once, twice = ({topic: broker.read(f"{topic}.{run}") for topic in topics} for run in ("once", "twice"))
    assert once == twice
    described = {(d.segment.post.post_id, d.modality) for d in broker.messages("descriptors", "once")}
    assert described >= {("clip", "visual"), ("clip", "text"), ("words", "text"), ("broken", "text")}
    assert {verdict.post.post_id for verdict in broker.messages("verdicts", "once")} == {"clip", "words", "broken"}
    (letter,) = broker.messages("dead-letters", "once")
    assert (letter.stage, letter.topic, letter.key) == ("decode", "posts", b"broken")
    run_record = broker.messages("runs")[-1]
    assert all(run_record.seconds[stage] > 0 for stage in ("decode", "visual", "text"))
    assert broker.messages("descriptors") == []


def fed_post(post_id: str, url: str | None, hour: int) -> Fed:
    at = DAY + timedelta(hours=hour)
    post = Post(
        post_id=post_id,
        platform="made",
        url=f"https://made.example/{post_id}",
        published_at=at,
        seen_at=at,
        caption="a walk",
        media=[Medium(url=url)] if url else [],
    )
    return Fed("posts", post_id, CODEC.encode("posts", post), at)


def test_a_withdrawn_case_is_erased_from_runs_too(system: System, kafka: str) -> None:
    broker = Broker(kafka, system.settings.topic_prefix)
    broker.feed(traffic(8))
    answer = system.jikimi_here("replay", "--run", "r1", *DESCRIPTORS, "--nice", "0")
    assert answer.code == 0, answer.err
    assert {case.case_id for case in broker.messages("cases", "r1")} == {"case-a", "case-b"}
    assert system.jikimi_here("case", "withdraw", "case-a", "--yes", "--why", "a test").code == 0
    for topic in ("cases", "cases.r1"):
        last = {kept.key: kept.value for partition in broker.read(topic).values() for kept in partition}
        assert {key for key, value in last.items() if value} == {key for key in last if key and key[:6] == b"case-b"}


def test_the_runs_are_listed(recorded: Replayer) -> None:
    answer = recorded.jikimi("replay", "list")
    (line,) = [line for line in answer.out.splitlines() if line.split()[0] == "base"]
    assert {"replay", "descriptors", "finished"} <= set(line.split())
