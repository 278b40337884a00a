from pathlib import Path

import msgspec
import pytest

from schemas.messages import Label, Verdict
from streams.errors import UsageError
from streams.replay.comparison import CompareRequest, Comparison, compare
from streams.replay.cost import cost, latency
from streams.replay.decision import DEFAULT, Row, Thresholds, read_thresholds
from tests.unit.made_messages import NOW
from tests.unit.replay.made_runs import LIKELY, SURE, clear, decided, evidence, label, of, run

ALLOWED = read_thresholds(DEFAULT)
COPY, LESS = decided("p1", evidence("visual", SURE)), decided("p1", evidence("visual", LIKELY))


def compared(
    before: list[Verdict], after: list[Verdict], labels: list[Label] | None = None, allowed: Thresholds = ALLOWED
) -> Comparison:
    sides = of("live", *before), of("try-1", *after)
    return compare(CompareRequest(run(), None, *sides, labels), allowed, NOW)


def outcome(found: Comparison, name: str) -> str:
    (row,) = (row for row in found.rows if name in row.name)
    return row.outcome


def test_nothing_changed_is_a_go() -> None:
    assert compared([COPY, clear("p2")], [COPY, clear("p2")]).go


def test_a_copy_that_is_no_longer_acted_on_is_no_go() -> None:
    found = compared([COPY], [LESS], [label("p1", "copy")])
    assert outcome(found, "copies no longer acted on") == "no-go"
    assert outcome(found, "recall") == "no-go"
    assert not found.go


def test_a_mistake_that_is_no_longer_made_is_a_go() -> None:
    other = decided("p2", evidence("visual", SURE))
    found = compared([COPY, other], [COPY, clear("p2")], [label("p1", "copy"), label("p2", "other")])
    assert (found.against_quality["act"].precision.value, found.quality["act"].precision.value) == (0.5, 1.0)
    assert {row.outcome for row in found.rows if "CPU" not in row.name} == {"go"}
    assert outcome(found, "CPU") == "not measured"


def test_a_new_act_is_no_go_until_it_is_labelled() -> None:
    assert outcome(compared([LESS], [COPY]), "new acts") == "no-go"
    assert outcome(compared([LESS], [COPY], [label("p1", "copy")]), "new acts") == "go"


def test_new_acts_on_labelled_reviews_are_precise_without_an_act_before() -> None:
    labelled = [label("p1", "copy"), label("p2", "copy")]
    reviewed = [LESS, decided("p2", evidence("visual", LIKELY))]
    found = compared(reviewed, [COPY, reviewed[1]], labelled)
    assert {row.outcome for row in found.rows if "CPU" not in row.name} == {"go"}
    wrong = compared(reviewed, [COPY, reviewed[1]], [label("p1", "other"), label("p2", "copy")])
    assert outcome(wrong, "precision") == "not measured"
    assert not wrong.go


def test_a_lost_act_is_no_go_until_it_is_labelled_as_no_copy() -> None:
    assert outcome(compared([COPY], [LESS]), "lost acts") == "no-go"
    assert outcome(compared([COPY], [LESS], [label("p1", "unsure")]), "lost acts") == "no-go"
    assert outcome(compared([COPY], [LESS], [label("p1", "other")]), "lost acts") == "go"


def test_an_act_of_both_sides_is_not_new() -> None:
    assert outcome(compared([COPY], [COPY]), "new acts") == "go"


def test_with_labels_a_row_that_is_not_measured_is_no_go() -> None:
    assert compared([COPY], [COPY], None).go
    found = compared([COPY], [COPY], [])
    assert outcome(found, "precision") == "not measured"
    assert not found.go


POSTS = [decided(f"p{n}", evidence("visual", SURE)) for n in range(ALLOWED.cpu_least_posts)]


def costing(seconds: float, before: list[Verdict], after: list[Verdict]) -> Comparison:
    """Return a comparison of two runs with labels, the second of which takes this many times the seconds."""
    old = run("base", records={"match": 10}, seconds={"match": 1.0})
    new = run(records={"match": 10}, seconds={"match": seconds})
    labels = [label(verdict.post.post_id, "copy") for verdict in [*before, *after]]
    return compare(CompareRequest(new, old, of("base", *before), of("try-1", *after), labels), ALLOWED, NOW)


@pytest.mark.parametrize(("before", "after"), [(POSTS, POSTS[1:]), (POSTS[1:], POSTS)])
def test_the_cost_of_too_little_work_is_shown_and_not_judged(before: list[Verdict], after: list[Verdict]) -> None:
    found = costing(1.29, before, after)
    (row,) = (row for row in found.rows if "CPU" in row.name)
    assert row == Row(row.name, "1.290, too little work (99 posts)", "at most 1.2", "not judged")
    assert outcome(costing(1.29, POSTS, POSTS), "CPU") == "no-go"


def test_a_cost_that_is_not_judged_is_no_no_go() -> None:
    assert costing(1.29, POSTS[1:], POSTS[1:]).go
    assert not costing(1.29, POSTS, POSTS).go


@pytest.mark.parametrize(("seconds", "expected"), [(1.2, "go"), (1.21, "no-go"), (0.5, "go")])
def test_the_cost_is_compared_over_the_stages_that_both_ran(seconds: float, expected: str) -> None:
    old = run("base", records={"match": 100, "fusion": 100}, seconds={"match": 1.0, "fusion": 0.0})
    new = run(records={"visual": 5, "match": 50, "fusion": 50}, seconds={"visual": 9.0, "match": seconds / 2})
    found = compare(CompareRequest(new, old, of("base", *POSTS), of("try-1", *POSTS), None), ALLOWED, NOW)
    assert outcome(found, "CPU") == expected
    assert found.cost.ratio == pytest.approx(seconds)
    assert (found.cost.stages[0].stage, found.cost.stages[0].before_s) == ("visual", None)


@pytest.mark.parametrize(("before", "after", "expected"), [(3, 3, "go"), (3, 4, "no-go"), (0, 0, "go")])
def test_more_dead_letters_are_no_go(before: int, after: int, expected: str) -> None:
    sides = of("base", COPY), of("try-1", COPY)
    request = CompareRequest(run(dead_letters=after), run("base", dead_letters=before), *sides, None)
    assert outcome(compare(request, ALLOWED, NOW), "dead letters") == expected


def test_a_replay_has_no_latency_and_a_shadow_has() -> None:
    late = decided("p2", evidence("visual", SURE), reason="late")
    request = CompareRequest(run(kind="shadow"), run("base"), of("base", COPY), of("try-1", COPY, late), None)
    found = compare(request, ALLOWED, NOW)
    assert found.against_waiting is None
    assert found.waiting is not None
    assert found.waiting.n == 1


def test_quantiles_are_observed_values() -> None:
    found = latency(range(100))
    assert found is not None
    assert (found.n, found.p50_s, found.p95_s, found.p99_s) == (100, 50, 95, 99)
    assert latency([]) is None


def test_live_traffic_has_no_measured_cost() -> None:
    assert cost(None, run(records={"match": 10}, seconds={"match": 1.0})).ratio is None


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("cpu_ratio = 1.2", "", "cpu_ratio"),
        ("cpu_ratio = 1.2", "cpu_ratio = 'x'", "cpu_ratio"),
        ("cpu_ratio = 1.2", "cpu_ratio = 1.2\nmore = 3", "more"),
        ("recall_drop = 0.0", "recall_drop = -1.0", "recall_drop"),
        ("recall_drop = 0.0", "recall_drop", "line"),
    ],
)
def test_a_mistake_in_the_thresholds_is_named(tmp_path: Path, old: str, new: str, match: str) -> None:
    file = tmp_path / "thresholds.toml"
    file.write_text(DEFAULT.read_text().replace(old, new))
    with pytest.raises(UsageError, match=match):
        read_thresholds(file)


def test_thresholds_can_be_looser(tmp_path: Path) -> None:
    file = tmp_path / "thresholds.toml"
    file.write_text(DEFAULT.read_text().replace("new_acts_without_label = 0", "new_acts_without_label = 1"))
    assert outcome(compared([LESS], [COPY], allowed=read_thresholds(file)), "new acts") == "go"


def test_a_comparison_is_the_same_each_time_except_for_its_date() -> None:
    verdicts = [decided(f"p{n}", evidence("visual", n / 50), evidence("audio", 1 - n / 50)) for n in range(50)]
    first = compared(verdicts, verdicts[::-1])
    second = compared(verdicts[::-1], verdicts)
    assert msgspec.json.encode(first) == msgspec.json.encode(second)
