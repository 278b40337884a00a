"""From labels of reviews to a live model, with real media: judged, reviewed, learned, replayed, promoted, rolled back.

Rooms are rendered as `jikimi evaluate make-set` does, with copies and other recordings of the same rooms. Each upload
is described once, by the models and functions of the stages, and posted several times.
"""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from models.fusion.calibrated import read_calibration
from ops.bench.recorded_day import of_post
from schemas.messages import Case, Descriptors, Label, LabelDecision, Reference, Verdict
from schemas.topics import TOPICS
from streams.cases.entries import case_key, reference_key
from streams.cases.labels import label_key
from streams.describe.descriptors import descriptor_key
from streams.errors import UsageError
from streams.evaluation.described import Cache, Models, describe_references
from streams.evaluation.described_set import describe_queries
from streams.evaluation.make_set import make_set
from streams.evaluation.manifest import Manifest, Query, read_manifest
from streams.evaluation.set_plan import SetPlan, Sources
from streams.live_models.selection import create_registry, default_choice
from streams.replay.compare_run import OutputPaths, compare_run
from streams.replay.decision import DEFAULT, read_thresholds
from streams.replay.promote_run import promote_run
from streams.settings import Settings
from tests.integration.made import POLICY
from tests.integration.system import Kept, System
from tests.support.deadline import DEADLINE_S

EDITS = ("sound_only", "mirrored")
"""Sound alone is reviewed, whatever it is; a mirrored copy with its sound is acted on."""
PLAN = SetPlan(
    references=0,
    copies=6,
    pairs=0,
    unrelated=4,
    background=0,
    seconds=6,
    edits=EDITS,
    rooms=3,
    recordings=4,
    look_alikes=6,
)
TIMES = 10
"""Posts of each upload."""
STAGES = "match fusion takedown"

_NUMBERS = itertools.count()

type Described = list[tuple[Query, list[Descriptors]]]
type Probabilities = dict[tuple[str, str], float]
"""By upload and case."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Return a set of three rooms: two recordings of each are cases, two more show the same room."""
    folder = tmp_path_factory.mktemp("set")
    make_set(Sources(), folder, PLAN)
    found = read_manifest(folder / "set.json")
    found.queries[:] = [query for query in found.queries if query.path is not None]
    return found


@pytest.fixture
def uploads(system: System, made: Manifest) -> Described:
    """Open the set's cases; return its uploads with their descriptors."""
    # No post has a medium that a second look could fetch. The model is the one that ships.
    system.environment |= {"JIKIMI_LOOKS": "false", "JIKIMI_FUSION_MODEL": "causes@1"}
    system.environment["JIKIMI_FUSION_DEADLINE_S"] = str(DEADLINE_S)
    pieces, found = asyncio.run(described(system.settings, made))
    opened = Case(case_id="", name="made", opened_at=datetime.now(UTC))
    for case_id in {case for case, _ in pieces}:
        system.write("cases", case_key(case_id), msgspec.structs.replace(opened, case_id=case_id, policy=POLICY))
    for case_id, piece in pieces:
        entry = msgspec.structs.replace(opened, case_id=case_id, reference=piece)
        system.write("cases", reference_key(case_id, piece), entry)
    system.flush()
    return found


async def described(settings: Settings, made: Manifest) -> tuple[list[tuple[str, Reference]], Described]:
    """Return the pieces of each case, and the descriptors of each upload."""
    registry = create_registry(settings)
    models = Models.of(registry, default_choice(registry, settings))
    given = settings, models, Cache(None, models, settings.media)
    pieces = await describe_references(*given, made.references)
    return pieces, [(query, found.descriptors) async for query, found in describe_queries(*given, made.queries)]


def await_search(system: System) -> None:
    """Return once the worker has compared every case with all that came before it."""
    newest = len(system.records("cases")) - 1

    def is_done(kept: list[Kept]) -> bool:
        last = {record.message.partition: record.message for record in kept}
        are_done = all(one.left == 0 and one.reach >= newest for one in last.values())
        return are_done and len(last) == TOPICS["descriptors"].partitions

    system.wait("searches", is_done)


def post(system: System, uploads: Described, name: str) -> set[str]:
    """Write the descriptors of a post of each upload; return the posts' ids."""
    for query, found in uploads:
        for one in found:
            made = of_post(one, f"{query.id}/{name}", datetime.now(UTC))
            system.write("descriptors", descriptor_key(made.segment, made.modality), made)
    system.flush()
    return {f"{query.id}/{name}" for query, _ in uploads}


def judged(system: System, posts: set[str]) -> list[Verdict]:
    """Return the last verdict on each post and case, once every post is closed."""

    def all_closed(kept: list[Kept]) -> bool:
        return posts <= {record.key for record in kept if record.message.reason == "complete"}

    system.wait("verdicts", all_closed)
    found = [record.message for record in system.records("verdicts") if record.key in posts]
    return list({(one.post.post_id, one.case_id): one for one in found if one.case_id is not None}.values())


def review(system: System, made: Manifest, verdicts: Iterable[Verdict]) -> Counter[str]:
    """Label verdicts to review by the truth of the set; return the number of each decision."""
    counts, truth = Counter[str](), {query.id: query.expect for query in made.queries}
    for verdict in verdicts:
        post_id, case_id = verdict.post.post_id, verdict.case_id or ""
        said: LabelDecision = "copy" if truth[upload_of(verdict)] == case_id else "other"
        label = Label(post_id=post_id, case_id=case_id, decision=said, reviewer="mina", at=verdict.decided_at)
        system.write("labels", label_key(post_id, case_id), msgspec.structs.replace(label, verdict=verdict))
        counts[said] += 1
    system.flush()
    return counts


def upload_of(verdict: Verdict) -> str:
    return verdict.post.post_id.partition("/")[0]


def probabilities(verdicts: Iterable[Verdict]) -> Probabilities:
    """Return the probability of each upload and case; all posts of one upload have the same, but for rounding."""
    found: dict[tuple[str, str], list[float]] = {}
    for verdict in verdicts:
        found.setdefault((upload_of(verdict), verdict.case_id or ""), []).append(verdict.probability)
    for pair, each in found.items():
        assert each == pytest.approx([each[0]] * len(each), abs=1e-6), pair
    return {pair: each[0] for pair, each in found.items()}


def await_probabilities(system: System, uploads: Described, expected: Probabilities) -> None:
    """Post the uploads until live verdicts have these probabilities."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        verdicts = judged(system, post(system, uploads, f"later-{next(_NUMBERS)}"))
        found = probabilities(one for one in verdicts if (upload_of(one), one.case_id) in expected)
        if found == pytest.approx(expected, abs=1e-6):
            return
        assert time.monotonic() < deadline, (found, expected)


def thresholds(folder: Path) -> Path:
    """Return the default thresholds, but for a cost that is not judged: of so few posts it is the machine's load."""
    limits = msgspec.structs.asdict(read_thresholds(DEFAULT)) | {"cpu_least_posts": 1_000_000}
    file = folder / "thresholds.toml"
    file.write_text("".join(f"{name} = {limit}\n" for name, limit in limits.items()))
    return file


def test_a_calibration_is_learned_from_reviews_replayed_promoted_and_rolled_back(
    system: System, made: Manifest, uploads: Described, tmp_path: Path
) -> None:
    out = tmp_path / "learned"
    worker = system.worker(STAGES)
    await_search(system)  # which may find a post before its own scores are there
    posts = set[str]().union(*(post(system, uploads, str(number)) for number in range(TIMES)))
    reviewed = [verdict for verdict in judged(system, posts) if verdict.decision == "review"]
    refused = system.jikimi_here("learn", "--out", str(out))
    assert (refused.code, "too few labels" in refused.err) == (2, True), refused

    counts = review(system, made, reviewed)
    learned = system.jikimi_here("learn", "--out", str(out))
    assert learned.code == 0, learned
    assert f"{counts['copy']} copies and {counts['other']} others of 6 cases" in learned.out
    (name,) = re.findall(r"(calibrated@[0-9a-f]{12}) is a candidate", learned.out)
    line = read_calibration(next(out.glob("calibrated-*.json")).read_bytes())
    assert line is not None

    assert worker.stop() == 0
    system.environment["JIKIMI_MANIFEST"] = str(out / "manifest.toml")  # everywhere, as the documents say
    worker = system.worker(STAGES)
    for run in (["--run", "live"], ["--run", "learned", "--with", f"fusion={name}"]):
        replayed = system.jikimi_here("replay", "--nice", "0", "--from", "scores", *run)
        assert replayed.code == 0, replayed.err
    # What a transaction has written is there for readers a moment after its commit.
    system.wait("runs", lambda kept: {one.key for one in kept if one.message.finished_at} == {"live", "learned"})
    with pytest.raises(UsageError, match="has not been compared"):
        promote_run(system.settings, "learned")
    assert not compare_run(system.settings, "learned", OutputPaths(tmp_path)).go  # it acts where it did not before
    against = ("--against", "live", "--labels", "--thresholds", str(thresholds(tmp_path)), "--out", str(tmp_path))
    compared = system.jikimi_here("replay", "compare", "learned", *against)
    assert compared.code == 0, compared.out
    assert '"not judged"' in (tmp_path / "learned.json").read_text()
    promoted = system.jikimi_here("promote", "learned", "--by", "kim")
    assert (promoted.code, promoted.out) == (0, f"fusion: causes@1 -> {name}\n"), promoted.err

    before = probabilities(reviewed)
    await_probabilities(system, uploads, {pair: line.of(probability) for pair, probability in before.items()})
    assert system.jikimi_here("rollback").out == f"fusion: {name} -> causes@1\n"
    await_probabilities(system, uploads, before)
    assert worker.stop() == 0
