"""Promotion and rollback of models while posts are processed: nothing is lost or processed twice."""

import asyncio
import io
import itertools
import re
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from models.manifest import MANIFEST, ModelError, default_cache, locate
from models.registry import Registry
from schemas.messages import Deployment, Frame, Frames, Parts, Policy, Run, RunComparison, Segment, Verdict
from streams.cases.entries import read_cases
from streams.decode.decoder import Decoder
from streams.demo.scenario import MEDIA
from streams.desk.describe_case import describe_case
from streams.desk.new_case import NewCase
from streams.desk.open_case import add_case
from streams.desk.withdraw_case import withdraw_case
from streams.errors import UsageError
from streams.live_models.promotion import roll_back
from streams.live_models.selection import default_choice
from streams.replay.promote_run import promote_changes, promote_run
from streams.sealing.media import MediaSeal
from streams.settings import Settings
from tests.integration.made import entry, post_ref
from tests.integration.system import Kept, System, running
from tests.support.brokers import new_prefix
from tests.support.deadline import DEADLINE_S, until
from tests.unit.decode.made import moving, scene, tone, video
from tests.unit.made_messages import match, scores

PHRASE = "find the full film here"
OLD, NEW = "sscd-distilled@0.1.0", "sscd-distilled@2"
EACH = 8
"""Posts described by each model before the next step."""


@pytest.fixture(scope="module")
def candidates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a manifest with the same graphs under other versions: other embedding spaces, at no cost."""
    path = tmp_path_factory.mktemp("candidates") / "candidates.toml"
    visual, text = (_candidate(name) for name in ("sscd-distilled", "use-multilingual"))
    graph = locate(Registry().entry("text"), default_cache())
    text = re.sub(r'module = ".*"', f'path = "{graph}"', text).replace('"export"', '"file"')
    path.write_text(visual + text)
    return path


def _candidate(name: str) -> str:
    entry = next(part for part in MANIFEST.read_text().split("[[model]]") if f'"{name}"' in part)
    return "[[model]]" + re.sub(r'version = ".*"', 'version = "2"', entry).replace("default = true", "")


@pytest.fixture(scope="module")
def shared(kafka: str, candidates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    for system in running(kafka, new_prefix(), tmp_path_factory.mktemp("system")):
        system.environment["JIKIMI_MANIFEST"] = str(candidates)
        yield system


@pytest.fixture
def system(system: System, candidates: Path) -> System:
    system.environment["JIKIMI_MANIFEST"] = str(candidates)
    return system


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "holiday.mp4"
    return video(path, moving(60, shot_frames=10), sound=tone(6.0))


def frames_of(settings: Settings, film: Path) -> list[Frame]:
    """Return the frames that decode writes for a film."""

    async def decode() -> list[Frame]:
        async with Decoder(settings.media) as decoder:
            info = await decoder.scan(film)
            return [
                Frame(time_s=frame.time_s, jpeg=frame.jpeg)
                async for segment in decoder.segments(film, info)
                for frame in segment.frames
            ]

    return asyncio.run(decode())


def post(system: System, post_id: str, frames: list[Frame]) -> None:
    where = Segment(
        post=post_ref(post_id),
        parts=Parts(visual=1, audio=0, text=0),
        segment=0,
        medium=0,
        start_s=0.0,
        duration_s=6.0,
    )
    sealed = MediaSeal(system.settings.sealing).sealed(Frames(segment=where, frames=frames))
    system.write("frames", f"{post_id}/0", sealed)


class Feed(threading.Thread):
    """Thread that writes posts with copies and with other films in turn, until stopped."""

    def __init__(self, system: System, film: Path) -> None:
        super().__init__()
        copy = frames_of(system.settings, film)
        other = frames_of(system.settings, MEDIA / "hunter.mp4")[:3]  # drawn pictures are too similar to each other
        self._films = {"copy": copy, "other": other}
        self._system = system
        self._stopping = threading.Event()
        self.posts: list[str] = []

    def run(self) -> None:
        for number, kind in enumerate(itertools.cycle(self._films)):
            if self._stopping.wait(0.5):
                return
            post_id = f"{kind}-{number}"
            post(self._system, post_id, self._films[kind])
            self.posts.append(post_id)

    def stop(self) -> None:
        self._stopping.set()
        self.join()
        self._system.flush()


def pictures(seed: int) -> list[Frame]:
    content = io.BytesIO()
    Image.fromarray(scene(seed)).save(content, "JPEG")
    return [Frame(time_s=float(seed - 91), jpeg=content.getvalue())]


def versions(kept: list[Kept]) -> Counter[str]:
    return Counter(f"{record.message.model}@{record.message.version}" for record in kept)


def described(system: System, model: str, n: int, *, since: int = 0) -> int:
    """Wait until `n` more posts were described by this model; return the number of all described by it."""
    system.wait("descriptors", lambda kept: versions(kept)[model] >= since + n)
    return versions(system.records("descriptors"))[model]


@pytest.mark.parametrize("killed", [False, True])
def test_posts_are_processed_while_a_model_is_promoted_and_rolled_back(
    system: System, film: Path, *, killed: bool
) -> None:
    settings = system.settings
    if not killed:
        system.environment["JIKIMI_SESSION_TIMEOUT_S"] = "60"  # a stalled worker would lose what it has not committed
    case_id = add_case(settings, NewCase("river", [film]))
    workers = [system.worker("visual", f"visual-{number}") for number in range(2)]
    system.worker("match fusion takedown")
    assert describe_case(settings, case_id, [film], [], f"visual={NEW}") == []
    feed = Feed(system, film)
    feed.start()
    try:
        described(system, OLD, EACH)
        assert promote_changes(settings, f"visual={NEW}", force="a test") == [f"visual: {OLD} -> {NEW}"]
        if killed:
            workers[0].kill()
            workers[0].start()
        described(system, NEW, EACH)
        before = versions(system.records("descriptors"))[OLD]
        assert roll_back(settings) == [f"visual: {NEW} -> {OLD}"]
        described(system, OLD, EACH, since=before)
    finally:
        feed.stop()
    system.wait("verdicts", lambda kept: {record.key for record in kept} == set(feed.posts))

    found = system.records("descriptors")
    n_described = Counter(record.message.segment.post.post_id for record in found)
    assert n_described.keys() == set(feed.posts)
    # Posts that a killed worker had not committed are described again.
    assert killed or set(n_described.values()) == {1}
    assert set(versions(found)) == {OLD, NEW}
    verdicts = {record.key: record.message for record in system.records("verdicts")}
    assert len(verdicts) == len(system.records("verdicts"))
    for post_id, verdict in verdicts.items():
        assert verdict.decision == ("act" if post_id.startswith("copy") else "dismiss"), post_id
    copies = sorted(post_id for post_id in feed.posts if post_id.startswith("copy"))
    system.wait("takedowns", lambda kept: len(kept) >= len(copies))
    assert sorted(record.message.post.post_id for record in system.records("takedowns")) == copies
    assert system.records("dead-letters") == []
    assert [record.message.why for record in system.records("deployments")] == ["promote", "rollback"]


def test_a_worker_that_cannot_load_the_promoted_model_keeps_the_old_one_and_reports_it(system: System) -> None:
    visual = system.worker("visual")
    deploy(system, "nowhere@9")
    post(system, "first", pictures(91))
    system.flush()
    described(system, OLD, 1)
    until(lambda: behind(visual.metrics_url) == 1.0)
    assert "nowhere@9" in visual.log_file.read_text()
    visual.kill()
    visual.start()
    visual.wait_until_ready()
    post(system, "second", pictures(92))
    system.flush()
    described(system, OLD, 2)
    deploy(system, NEW)
    until(lambda: behind(visual.metrics_url) == 0.0)
    post(system, "third", pictures(93))
    system.flush()
    described(system, NEW, 1)
    assert visual.stop() == 0


def test_a_worker_starts_with_the_live_model(system: System) -> None:
    deploy(system, NEW)
    post(system, "first", pictures(91))
    system.flush()
    visual = system.worker("visual")
    described(system, NEW, 1)
    assert versions(system.records("descriptors")) == {NEW: 1}
    assert visual.stop() == 0


def test_a_deployment_that_cannot_be_decoded_changes_nothing(system: System) -> None:
    system.write_raw("deployments", "live", b"no deployment")
    system.flush()
    visual = system.worker("visual")
    post(system, "first", pictures(91))
    system.flush()
    described(system, OLD, 1)
    assert visual.stop() == 0


def test_a_promoted_fusion_model_and_policy_decide_from_then_on(system: System) -> None:
    system.write("cases", "case-a", entry("case-a"))
    system.flush()
    fusion = system.worker("fusion")
    assert judged(system, "before").decision == "act"
    promote_changes(system.settings, "fusion=noisy-or@2", force="a test")
    assert judged_until(system, "review") == 0.95
    promote_changes(system.settings, "policy=0.9/0.6", force="a test")
    assert judged_until(system, "act") == 0.9
    roll_back(system.settings)
    assert judged_until(system, "review") == 0.95
    roll_back(system.settings)
    assert judged_until(system, "act") == 0.95
    with pytest.raises(UsageError, match="nothing to roll back"):
        roll_back(system.settings)
    assert fusion.stop() == 0


_NUMBERS = itertools.count()


def judged(system: System, post_id: str) -> Verdict:
    """Write scores of a post with the case's sound and its term; return the verdict."""
    parts = Parts(visual=0, audio=1, text=1)
    for each in (scores("audio", match(1.0), parts=parts), scores("text", match(1.0, terms=1), parts=parts)):
        segment = msgspec.structs.replace(each.segment, post=post_ref(post_id))
        system.write("scores", post_id, msgspec.structs.replace(each, segment=segment))
    system.flush()
    verdicts = system.wait("verdicts", lambda kept: [record.message for record in kept if record.key == post_id])
    found: Verdict = verdicts[-1]
    return found


def judged_until(system: System, decision: str) -> float:
    """Write posts until the decision is this one; return the threshold to act."""
    deadline = time.monotonic() + DEADLINE_S
    while (found := judged(system, f"post-{next(_NUMBERS)}")).decision != decision:
        assert time.monotonic() < deadline
    return found.act_at


def deploy(system: System, visual: str) -> None:
    """Write a deployment without any check."""
    choice = msgspec.structs.replace(default_choice(Registry(), system.settings), visual=visual)
    at = datetime.now(UTC)
    system.write("deployments", "live", Deployment(deployment_id=visual, choice=choice, why="promote", at=at))
    system.flush()


def behind(url: str) -> float | None:
    """Return the worker's metric jikimi_model_behind of the visual model."""
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
        found = re.search(r'^jikimi_model_behind\{modality="visual".*\} (.*)$', answer.read().decode(), re.MULTILINE)
    return float(found[1]) if found else None


@pytest.fixture(scope="module")
def opened(shared: System, film: Path) -> str:
    """Open a case with a term and a phrase, described only by the old models."""
    return add_case(shared.settings, NewCase("river", [film], ["milkyway77"], [PHRASE]))


def n_deployments(system: System) -> int:
    return len(system.records("deployments"))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ("visual=nowhere", "it has: sscd-distilled@0.1.0"),
        ("visual=sscd-disc-mixup", "not pinned"),
        (f"visual={OLD}", "live already"),
        (f"visual={NEW}", r"1 of 1 open cases would not be found"),
    ],
)
def test_an_invalid_promotion_is_refused_before_anything_is_written(
    shared: System, opened: str, changes: str, line: str
) -> None:
    with pytest.raises((UsageError, ModelError), match=line):
        promote_changes(shared.settings, changes, force="a test")
    assert n_deployments(shared) == 0
    assert opened


def run_record(run_id: str, settings: Settings, finished: datetime | None, dead_letters: int = 0) -> Run:
    choice = default_choice(Registry(), settings)
    return Run(
        run_id=run_id,
        kind="replay",
        source="scores",
        choice=msgspec.structs.replace(choice, policy=Policy(act=0.9, review=0.6, version="p")),
        starts={},
        code="1",
        started_at=datetime.now(UTC),
        finished_at=finished,
        dead_letters=dead_letters,
        comparison=RunComparison(against="live", go=True, posts=1, finished_at=finished, at=finished)
        if finished
        else None,
    )


def test_a_run_is_promoted_only_when_it_is_sound(system: System) -> None:
    settings, now = system.settings, datetime.now(UTC)
    for run in (
        run_record("open", settings, None),
        run_record("poor", settings, now, 3),
        run_record("good", settings, now),
    ):
        system.write("runs", run.run_id, run)
    system.flush()
    for run_id, line in (("open", "not reached its end"), ("poor", "3 dead letters"), ("none", "no run none")):
        with pytest.raises(UsageError, match=line):
            promote_run(settings, run_id)
    with pytest.raises(UsageError, match="no run of this choice"):
        promote_changes(settings, "policy=0.1/0.05")
    with pytest.raises(UsageError, match="needs a reason"):
        promote_run(settings, "poor", force=" ")
    assert n_deployments(system) == 0
    assert promote_run(settings, "good", by="kim") == ["policy: each case's own -> act at 0.9, review at 0.6"]
    roll_back(settings)
    assert promote_run(settings, "poor", force="its dead letters were inspected", by="lee")
    first, second, third = (record.message for record in system.records("deployments"))
    assert (first.run, first.previous) == ("good", None)
    assert (first.comparison.go, first.by, first.forced) == (True, "kim", None)
    assert (third.by, third.forced) == ("lee", "its dead letters were inspected")
    assert (second.why, second.previous) == ("rollback", first.deployment_id)
    assert (third.run, third.previous) == ("poor", second.deployment_id)


def test_a_case_is_described_for_a_candidate_only_from_its_own_files_and_phrases(
    shared: System, opened: str, film: Path, tmp_path: Path
) -> None:
    settings = shared.settings
    other = video(tmp_path / "other.mp4", moving(12))
    before = len(shared.records("cases"))
    with pytest.raises(UsageError, match="is not a reference"):
        describe_case(settings, opened, [other], [], f"visual={NEW}")
    with pytest.raises(UsageError, match="no case nobody"):
        describe_case(settings, "nobody", [film], [], "")
    assert len(shared.records("cases")) == before
    assert describe_case(settings, opened, [], [], f"visual={NEW}") == [f"visual of {reference_of(settings, opened)}"]
    assert describe_case(settings, opened, [film], [], f"visual={NEW}") == []
    added = shared.records("cases")[before:]
    assert {(record.message.reference.modality, record.message.reference.version) for record in added} == {
        ("visual", "2")
    }
    assert {record.message.name for record in added} == {"river"}
    assert describe_case(settings, opened, [film], [], f"visual={NEW}") == []
    assert len(shared.records("cases")) == before + len(added)


def test_only_a_cases_own_phrases_are_described_for_a_candidate(shared: System, opened: str) -> None:
    settings, changes = shared.settings, "text=use-multilingual@2"
    assert describe_case(settings, opened, [], [], changes) == ["text of terms"]
    for phrases in (["find the other film there"], [PHRASE, PHRASE]):
        with pytest.raises(UsageError, match="these are not the 1 phrases"):
            describe_case(settings, opened, [], phrases, changes)
    assert describe_case(settings, opened, [], [PHRASE], changes) == []
    pieces = [entry.reference for entry in asyncio.run(read_cases(settings))[opened] if entry.reference is not None]
    old, new = sorted((piece for piece in pieces if piece.modality == "text"), key=lambda piece: piece.version == "2")
    assert new.digests == old.digests != []
    assert (old.version, new.version, new.vectors.rows) == ("3", "2", 1)


def reference_of(settings: Settings, case_id: str) -> str:
    pieces = [entry.reference for entry in asyncio.run(read_cases(settings))[case_id] if entry.reference is not None]
    return next(piece.reference_id for piece in pieces if piece.modality == "visual")


def test_a_case_opened_after_a_promotion_finds_posts_that_the_old_model_described(system: System, film: Path) -> None:
    settings = system.settings
    promote_changes(settings, f"visual={NEW}", force="a test")
    worker = system.worker("visual match fusion")
    deploy(system, OLD)  # as it was yesterday
    until(lambda: '"model": "sscd-distilled@0.1.0"' in worker.log_file.read_text())
    frames = frames_of(settings, film)
    post(system, "old", frames)
    system.flush()
    described(system, OLD, 1)
    roll_back(settings)
    until(lambda: worker.log_file.read_text().count("model live") == 3)
    post(system, "new", frames)
    system.flush()
    described(system, NEW, 1)
    system.wait("verdicts", lambda kept: {r.key for r in kept} == {"old", "new"})  # before there is a case
    case_id = add_case(settings, NewCase("river", [film]))
    models = {
        f"{entry.reference.model}@{entry.reference.version}"
        for entry in asyncio.run(read_cases(settings))[case_id]
        if entry.reference is not None and entry.reference.modality == "visual"
    }
    assert models == {OLD, NEW}
    found = system.wait(
        "verdicts", lambda kept: {r.key for r in kept if r.message.case_id == case_id} == {"old", "new"}
    )
    assert found
    acted = {r.key: r.message for r in system.records("verdicts") if r.message.case_id == case_id}
    assert {(v.decision, v.reason) for v in acted.values()} == {("act", "late")}
    assert withdraw_case(settings, case_id)
    assert asyncio.run(read_cases(settings)) == {}


def test_the_commands_print_the_changes(shared: System, opened: str, film: Path) -> None:
    refused = shared.jikimi_here("promote")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "nothing promoted" in shared.jikimi_here("models").out
    assert describe_case(shared.settings, opened, [film], [], f"visual={NEW}") == []
    done = shared.jikimi_here("promote", "--with", f"visual={NEW}", "--force", "a test", "--by", "kim")
    assert (done.code, done.out) == (0, f"visual: {OLD} -> {NEW}\n")
    assert "deployment forced" in done.err
    shown = shared.jikimi_here("models").out
    assert f"visual: {NEW}" in shown
    assert "promote" in shown
    assert re.search(r"promote.* case *$", shown, re.MULTILINE), "the policy is in the row of the promotion"
    back = shared.jikimi_here("rollback")
    assert (back.code, back.out) == (0, f"visual: {NEW} -> {OLD}\n")
    shared.write_raw("posts", "post-1", b"its bytes do not matter")
    shared.flush()
    assert shared.jikimi_here("label", "post-1", opened, "copy", "--note", "seen").code == 0
    assert shared.jikimi_here("label", "post-1", "nobody", "copy").code == 2
    (label,) = shared.records("labels")
    assert label.key == f"post-1/{opened}"
    assert (label.message.decision, label.message.reviewer, label.message.note) == ("copy", "desk", "seen")
