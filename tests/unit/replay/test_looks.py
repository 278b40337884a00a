"""Second looks of a run: those of a run from posts are taken within it, others wait for the recorded answers."""

from types import SimpleNamespace
from typing import Any

import pytest

from schemas.codec import Codec
from schemas.messages import Look, Verdict
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.engine.record import Record
from streams.fusion.join_window import JoinWindow
from streams.fusion.rules import Rules
from streams.replay.chain import Prepared
from streams.replay.joiner import Joiner
from streams.replay.run_state import RunState
from streams.replay.run_writer import Progress
from tests.unit.fusion.test_looks import ASKING, answer, at, first_pass
from tests.unit.fusion.test_post_state import LIKELY, SURE

CODEC = Codec()


async def rules(_: set[str]) -> Rules:
    return ASKING


def joiner(*, decodes: bool, found: list[Verdict]) -> tuple[Joiner, list[Look]]:
    """Return a joiner whose chain answers each look with a sure match, and the looks that it was given."""
    taken: list[Look] = []

    async def chain(record: Record) -> Prepared:
        look = CODEC.decode("looks", record.value or b"")
        assert isinstance(look, Look)
        taken.append(look)
        return Prepared(record, scores=[answer(look, at(16, 34, SURE))])

    parts: Any = SimpleNamespace(
        window=JoinWindow(RunState(), rules, 30.0, 1_000.0),
        stages=SimpleNamespace(of=lambda topic: topic if decodes and topic == "looks" else None),
        chain=chain,
        codec=CODEC,
        limit=DeadLetterLimit(10),
        keeps=frozenset({"verdicts"}),
    )
    progress: Any = Progress(positions={}, deadline_s=30.0, memory_s=1_000.0)
    made = Joiner(parts, progress, lambda _, verdict: found.append(verdict) if verdict else None)
    return made, taken


async def test_a_run_that_decodes_posts_takes_its_looks_itself() -> None:
    found: list[Verdict] = []
    made, taken = joiner(decodes=True, found=found)
    await made.fuse(first_pass(at(20, 30, LIKELY)), 100.0)
    assert [look.number for look in taken] == [1]
    assert [(verdict.decision, verdict.reason) for verdict in found] == [("act", "complete")]
    assert {written.topic for written in made.outputs} == {"verdicts"}


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_a_run_of_recorded_scores_fuses_the_recorded_answer_or_waits_until_the_deadline(
    is_recorded: bool,
) -> None:
    found: list[Verdict] = []
    made, taken = joiner(decodes=False, found=found)
    await made.fuse(first_pass(at(20, 30, LIKELY)), 100.0)
    assert (taken, found) == ([], [])
    if is_recorded:
        state = made.parts.window.state("p1")
        assert state is not None
        await made.fuse(answer(state.looks.asked[0], at(16, 34, SURE)), 105.0)
    await made.expire(130.0)
    expected = ("act", "complete") if is_recorded else ("review", "deadline")
    assert [(verdict.decision, verdict.reason) for verdict in found] == [expected]
