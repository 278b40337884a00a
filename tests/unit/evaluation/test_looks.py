"""Second looks in an evaluation, with made vectors: an upload asks, is answered, and both passes are compared."""

import io

import msgspec
import pytest
from rich.console import Console

from models.registry import Registry
from schemas.messages import Descriptors, Look, Policy
from streams.evaluation.described import Described
from streams.evaluation.figures import Searched
from streams.evaluation.judged import Finding, Upload, build_index
from streams.evaluation.manifest import Query
from streams.evaluation.page import page
from streams.evaluation.result import Result, Run, summarise
from streams.evaluation.tables import tables
from streams.fusion.rules import Rules
from tests.integration.made import copied, described, footage, reference

NEVER_ACTS = Policy(act=1.0, review=0.5, version="1")
INDEX = build_index([("case-a", reference(footage(1)))], [])


def upload(*, look_at: float | None = 0.05) -> Upload:
    rules = Rules(Registry().fusion("noisy-or@1"), {"case-a": NEVER_ACTS}, look_at)
    return Upload(INDEX, rules, [with_address(described("q1", copied(footage(1))))])


def with_address(found: Descriptors) -> Descriptors:
    return msgspec.structs.replace(found, segment=msgspec.structs.replace(found.segment, url="file:///q1.mp4"))


def answer(look: Look, seed: int) -> Descriptors:
    found = described("q1", copied(footage(seed)))
    return msgspec.structs.replace(found, segment=look.segment, look=look.number)


def searched(findings: list[Finding]) -> Searched:
    query = Query(id="q1", path="q1.mp4", expect="case-a")
    return Searched(query=query, findings=findings, modalities=["visual"])


def result(looks: list[Look] | None, first: list[Finding], found: list[Finding]) -> Result:
    run = Run(1.0, 0.5, 1, ["made@1"], looks)
    return summarise([searched(found)], [searched(first)], [Described(descriptors=[], media_s=60.0)], 1.0, run)


def test_an_upload_below_the_threshold_asks_for_a_look_whose_answer_counts() -> None:
    asking = upload()
    (look,) = asking.looks
    (first,) = asking.findings()
    assert (first.acted, first.reviewed) == (False, True)
    asking.add(answer(look, seed=1))
    (found,) = asking.findings()
    assert found.probability == pytest.approx(first.probability)
    assert asking.looks == [look]


def test_an_answer_that_finds_nothing_leaves_no_finding() -> None:
    asking = upload()
    asking.add(answer(asking.looks[0], seed=2))
    assert asking.findings() == []


def test_without_looks_an_upload_asks_for_none() -> None:
    assert upload(look_at=None).looks == []


def test_the_result_has_both_passes_and_the_cost_of_each() -> None:
    asking = upload()
    first, looks = asking.findings(), asking.looks
    asking.add(answer(looks[0], seed=2))
    found = result(looks, first, asking.findings())
    assert found.looks is not None
    assert (found.looks.share_of_uploads, found.looks.per_upload, found.looks.seconds) == (1.0, 1.0, 8.0)
    assert (found.looks.without.review, found.looks.without.lost) == (1, 0)
    assert (found.outcome.review, found.outcome.lost) == (0, 1)
    assert (found.looks.recall_at_p100_without, found.recall_at_p100) == (1.0, 0.0)
    assert (found.cpu_s_per_minute, found.look_cpu_s_per_minute) == (1.0, 0.5)
    shown = Console(file=io.StringIO(), width=200)
    shown.print(*tables(found))
    assert "1.00 looks an upload, at 100.0% of them" in shown.file.getvalue()  # type: ignore[attr-defined]
    assert "1.00 an upload, at 100.0% of them, 0.5 CPU s" in page(found, [searched([])], "made")


def test_a_set_of_pictures_alone_has_no_cost_for_60_s() -> None:
    found = summarise([], [], [Described(descriptors=[])], 1.0, Run(1.0, None, 1, ["made@1"], None))
    assert found.cpu_s_per_minute is None


def test_a_result_without_looks_has_no_figures_of_them() -> None:
    found = result(None, [], [])
    assert found.looks is None
    assert "<td>off</td>" in page(found, [searched([])], "made")
