"""The same file again on a real Kafka: it is decoded and described once, and each of its posts has its own takedown."""

import json
import re
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.messages import Medium, Post
from streams.demo.processes import Worker
from streams.desk.new_case import NewCase
from streams.desk.open_case import add_case
from streams.sealing.media import MediaSeal
from tests.integration.system import Kept, System
from tests.support.deadline import DEADLINE_S, until
from tests.unit.decode.made import moving, tone, video
from tests.unit.reuse.made import without_post

STAGES = "decode visual audio text match fusion takedown"


@pytest.fixture
def film(system: System, tmp_path: Path) -> Path:
    """Return a film of an open case."""
    film = video(tmp_path / "film.mp4", moving(60, shot_frames=10), sound=tone(6.0))
    add_case(system.settings, NewCase("river", [film]))
    return film


@pytest.fixture
def seal(system: System, film: Path) -> MediaSeal:
    """Return the workers' seal, and let them fetch files from the film's folder."""
    seal = MediaSeal(system.settings.sealing)  # first: the settings of media are read from the environment alone
    system.environment["JIKIMI_MEDIA_FILE_ROOTS"] = json.dumps([str(film.parent)])
    system.environment["JIKIMI_FUSION_DEADLINE_S"] = "300"
    return seal


def post(system: System, post_id: str, film: Path) -> None:
    """Write a post with a file of its own that has the film's bytes."""
    own = film.with_name(f"{post_id}.mp4")
    own.write_bytes(film.read_bytes())
    now = datetime.now(UTC)
    url = f"https://made.example/{post_id}"
    media = [Medium(url=own.as_uri())]
    system.write(
        "posts",
        post_id,
        Post(post_id=post_id, platform="made", url=url, published_at=now, seen_at=now, media=media),
    )
    system.flush()


def verdict(system: System, post_id: str) -> Any:
    """Return the last verdict on a post once its takedown is issued."""
    system.wait("takedowns", lambda kept: [one for one in kept if one.message.post.post_id == post_id])
    return [one.message for one in system.records("verdicts") if one.key == post_id][-1]


def of_post(kept: list[Kept], post_id: str) -> dict[str, Any]:
    """Return the records of a post by key, the last one of each."""
    return {one.key.removeprefix(post_id): one.message for one in kept if one.key.startswith(f"{post_id}/")}


def reused(worker: Worker) -> dict[tuple[str, str], int]:
    """Return the worker's metric of reuse, by stage and outcome."""
    with urllib.request.urlopen(worker.metrics_url, timeout=DEADLINE_S) as answer:
        found = re.findall(
            r'^jikimi_reuse_total\{outcome="(\w+)",stage="(\w+)"\} (\S+)$', answer.read().decode(), re.MULTILINE
        )
    return {(stage, outcome): int(float(n)) for outcome, stage, n in found}


def matches(system: System, post_id: str) -> dict[str, Any]:
    """Return what was found of a post, by modality; its verdict names what had come by then."""
    found = [one.message for one in system.records("scores") if one.key == post_id and not one.message.look]
    return {
        scores.modality: [(m.case_id, m.reference_id, m.score, m.query, m.reference) for m in scores.matches]
        for scores in found
    }


def assert_equal(system: System, seal: MediaSeal, first: str, second: str) -> None:
    """Assert that two posts have the same media, descriptors and verdict, once both have."""
    one, other = verdict(system, first), verdict(system, second)
    both = {f"{post_id}/0/{modality}" for post_id in (first, second) for modality in ("visual", "audio")}
    system.wait("descriptors", lambda kept: both <= {record.key for record in kept})
    judged = {(post_id, modality) for post_id in (first, second) for modality in ("visual", "audio", "text")}
    system.wait("scores", lambda kept: judged <= {(record.key, record.message.modality) for record in kept})
    for topic, unsealed in (("frames", seal.frames), ("sounds", seal.sounds), ("descriptors", lambda message: message)):
        ours, theirs = (of_post(system.records(topic), post_id) for post_id in (first, second))
        assert ours.keys() == theirs.keys() != set()
        for key, message in ours.items():
            ours_bare, theirs_bare = (without_post(unsealed(each)) for each in (message, theirs[key]))
            assert {**ours_bare, "thumbnails": []} == {**theirs_bare, "thumbnails": []}, (topic, key)
    assert (one.decision, other.decision) == ("act", "act")
    assert matches(system, first) == matches(system, second) != {}


def test_a_file_in_two_posts_is_decoded_and_described_once_and_both_are_taken_down(
    system: System, film: Path, seal: MediaSeal
) -> None:
    worker = system.worker(STAGES)
    for post_id in ("p1", "p2"):
        post(system, post_id, film)
        assert verdict(system, post_id).decision == "act"
    assert_equal(system, seal, "p1", "p2")
    once_each = {(stage, outcome): 1 for stage in ("decode", "visual", "audio") for outcome in ("new", "reused")}
    until(lambda: reused(worker) == once_each)
    assert len({one.message.takedown_id for one in system.records("takedowns")}) == 2
    assert worker.stop() == 0


def test_another_worker_knows_what_one_that_was_killed_has_decoded(system: System, film: Path, seal: MediaSeal) -> None:
    worker = system.worker(STAGES)
    post(system, "p1", film)
    verdict(system, "p1")
    worker.kill()
    other = system.worker(STAGES, "other")
    until(lambda: other.log_file.read_text().count("earlier work is known") == len(("decode", "visual", "audio")))
    post(system, "p2", film)
    assert_equal(system, seal, "p1", "p2")
    # The post before may come again, if it was not committed.
    assert {stage for stage, outcome in reused(other) if outcome == "reused"} == {"decode", "visual", "audio"}
    assert not [outcome for _, outcome in reused(other) if outcome != "reused"]
    assert other.stop() == 0


@pytest.mark.parametrize("topic", ["sounds", "frames"])
def test_a_worker_killed_between_its_writes_loses_nothing(
    system: System, film: Path, seal: MediaSeal, topic: str
) -> None:
    worker = system.worker(STAGES)
    post(system, "p1", film)
    system.wait(topic, lambda kept: kept)
    worker.kill()
    worker.start()
    worker.wait_until_ready()
    post(system, "p2", film)
    assert_equal(system, seal, "p1", "p2")
    assert not system.records("dead-letters")
    assert worker.stop() == 0


def test_without_it_each_post_is_decoded_and_described(system: System, film: Path, seal: MediaSeal) -> None:
    system.environment["JIKIMI_REUSE_HOURS"] = "0"
    worker = system.worker(STAGES)
    for post_id in ("p1", "p2"):
        post(system, post_id, film)
        verdict(system, post_id)
    assert_equal(system, seal, "p1", "p2")
    assert reused(worker) == {}
    assert not system.records("reuse")
    assert worker.stop() == 0
