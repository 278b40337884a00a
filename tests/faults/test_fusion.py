"""Fusion's memory: a worker killed between the scores of a post has forgotten nothing, wherever its partitions go."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from aiokafka.partitioner import DefaultPartitioner

from schemas.messages import (
    MODALITIES,
    Case,
    Interval,
    Match,
    Modality,
    Parts,
    Policy,
    PostRef,
    Scores,
    Segment,
    Verdict,
)
from streams.engine.context import Context
from streams.engine.durable_table import DurableTable
from streams.engine.guard import DeliveryError
from streams.fusion.post_state import PostState
from streams.settings import load_settings
from tests.faults.conftest import end
from tests.faults.rig import CODEC, N_PARTITIONS, NOW, Fed, Rig, print_figures
from tests.support.brokers import make_topics
from tests.support.deadline import until

_N = 250
_MOST = 2500
"""Posts after which a test gives up killing a worker in time."""
_CASE = Case(case_id="case", name="n", opened_at=NOW, policy=Policy(act=0.95, review=0.5, version="1"))


@pytest.fixture
def rig(kafka: str, prefix: str, tmp_path: Path) -> Iterator[Rig]:
    make_topics(kafka, prefix)
    rig = Rig(tmp_path, kafka, prefix, command=("streams.cli", "worker", "fusion"), stage="fusion", source="scores")
    rig.environment |= {"JIKIMI_FUSION_DEADLINE_S": "600", "JIKIMI_DRAIN_S": "3"}
    rig.feed([Fed(0, "case", CODEC.encode("cases", _CASE))], "cases")
    yield rig
    end(rig)


def test_a_worker_killed_while_writing_its_memory_completes_every_post_after_its_restart(rig: Rig) -> None:
    for n in range(_N, _MOST, _N):
        rig.feed(scores(modality, i) for modality in MODALITIES for i in range(n - _N, n))
        first = rig.worker()
        until(lambda n=n: len(remembered(rig)) > n - _N // 2, "some memory")  # type: ignore[misc]
        first.kill()
        n_done = sum(rig.committed().values())
        if n_done < len(MODALITIES) * n:
            break  # otherwise it was killed too late, as happens on a busy machine
    assert n_done < len(MODALITIES) * n
    assert n_done <= len(rig.read("fusion-state"))
    rig.worker()
    assert_all_complete(rig, n)


def test_a_memory_follows_its_partitions_to_the_worker_that_joins_and_the_one_that_is_left(rig: Rig) -> None:
    first = rig.worker()
    rig.feed(scores("visual", i) for i in range(_N))
    rig.wait_until_committed()
    second = rig.worker()
    rig.feed(scores("audio", i) for i in range(_N))
    rig.wait_until_committed()
    first.kill()
    rig.feed(scores("text", i) for i in range(_N))
    assert_all_complete(rig)
    assert second.alive


def test_a_deadline_that_a_killed_worker_did_not_live_to_see_is_kept_after_its_restart(rig: Rig) -> None:
    rig.environment["JIKIMI_FUSION_DEADLINE_S"] = "3"
    for n in range(8, _MOST, 8):
        rig.feed(scores("visual", i) for i in range(n - 8, n))
        first = rig.worker()
        until(lambda n=n: len(remembered(rig)) == n, "the memory of all")  # type: ignore[misc]
        first.kill()
        if len(verdicts(rig)) <= n - 8:
            break  # otherwise the deadline came before the kill, as happens on a busy machine
    assert len(verdicts(rig)) < n
    rig.worker()
    until(lambda: len(verdicts(rig)) == n, "a verdict on each post")
    for given in verdicts(rig).values():
        assert [(verdict.reason, verdict.missing) for verdict in given] == [("deadline", ["audio", "text"])]


async def test_an_owner_that_stood_still_writes_no_state_after_its_successor(rig: Rig) -> None:
    settings = load_settings(bootstrap_servers=rig.bootstrap, topic_prefix=rig.prefix)
    # The part of a context that the table uses: neither worker sees a rebalance.
    context = SimpleNamespace(
        settings=settings,
        physical=lambda name: rig.prefix + name,
        generation=lambda: 1,
        retry_while_unreachable=lambda step: step(),
    )
    old, new = (DurableTable(cast("Context", context), "fusion-state") for _ in range(2))
    before = await old.acquire(3)
    await asyncio.gather(*(before.put(f"post-{number}".encode(), b"old") for number in range(50)))
    after = await new.acquire(3)
    assert dict(after.items()) == {f"post-{number}".encode(): b"old" for number in range(50)}
    await after.put(b"post-0", b"new")
    with pytest.raises(DeliveryError, match="taken over"):
        await before.put(b"post-0", b"stale")
    await after.erase(b"post-1")
    again = await DurableTable(cast("Context", context), "fusion-state").acquire(3)
    assert dict(again.items()) == dict(after.items())
    assert again.get(b"post-0") == b"new"
    assert again.get(b"post-1") is None


def remembered(rig: Rig) -> set[str]:
    """Return the posts that the memory has had."""
    return {found.key for found in rig.read("fusion-state")}


def assert_all_complete(rig: Rig, n: int = _N) -> None:
    rig.wait_until_committed()
    given = verdicts(rig)
    print_figures(posts=len(given), repeated=sum(len(of_post) - 1 for of_post in given.values()))
    assert set(given) == {f"post-{i}" for i in range(n)}
    for of_post in given.values():
        assert {verdict.reason for verdict in of_post} == {"complete"}
        assert len({verdict.verdict_id for verdict in of_post}) == 1
        assert all(sorted(item.modality for item in verdict.evidence) == sorted(MODALITIES) for verdict in of_post)
    states = {found.key: found.value for found in rig.read("fusion-state")}  # the last of each key
    assert len(states) == n
    assert all(msgspec.msgpack.decode(kept or b"", type=PostState).closed for kept in states.values())
    assert not rig.dead_letters()


def verdicts(rig: Rig) -> dict[str, list[Verdict]]:
    """Return the verdicts on each post."""
    given: dict[str, list[Verdict]] = defaultdict(list)
    for found in rig.read("verdicts"):
        verdict = CODEC.decode("verdicts", found.value or b"")
        assert isinstance(verdict, Verdict)
        given[found.key].append(verdict)
    return dict(given)


def scores(modality: Modality, number: int) -> Fed:
    """Return the record of a post's weak match in one modality, where the workers' client would place it."""
    post_id = f"post-{number}"
    post = PostRef(post_id=post_id, platform="test", url="https://example.org/1", published_at=NOW, seen_at=NOW)
    parts = Parts(visual=1, audio=1, text=1)
    span = Interval(start_s=0.0, end_s=1.0)
    message = Scores(
        score_id=f"{post_id}-{modality}",
        segment=Segment(post=post, parts=parts, segment=0, medium=0, start_s=0.0, duration_s=1.0),
        modality=modality,
        model="m",
        version="1",
        matches=[Match(case_id="case", reference_id="r", score=0.01, query=span, reference=span)],
    )
    partition = DefaultPartitioner()(post_id.encode(), list(range(N_PARTITIONS)), [])
    return Fed(int(partition), post_id, CODEC.encode("scores", message))
