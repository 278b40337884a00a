from math import sqrt

import pytest

from streams.replay.quality import qualities, ratio, truth
from tests.unit.replay.made_runs import LIKELY, SURE, decided, evidence, label, of

SIDE = of(
    "a",
    decided("copy-acted", evidence("visual", SURE)),
    decided("copy-reviewed", evidence("visual", LIKELY)),
    decided("other-acted", evidence("visual", SURE)),
    decided("unlabelled", evidence("visual", SURE)),
    decided("unsure", evidence("visual", SURE)),
)
POSTS = SIDE.posts | {"copy-missed"}


def test_precision_and_recall_leave_out_unsure_labels() -> None:
    labels = [
        label("copy-acted", "copy"),
        label("copy-reviewed", "copy"),
        label("copy-missed", "copy"),
        label("other-acted", "other"),
        label("unsure", "unsure"),
        label("another-post", "copy"),
    ]
    found = qualities(SIDE, truth(labels, POSTS))
    acting, both = found["act"], found["act or review"]
    assert (acting.precision.hits, acting.precision.of) == (1, 2)
    assert (acting.recall.hits, acting.recall.of) == (1, 3)
    assert (both.precision.hits, both.precision.of) == (2, 3)
    assert (both.recall.hits, both.recall.of) == (2, 3)


def test_the_last_label_is_in_force_also_if_it_is_unsure() -> None:
    labels = [label("p1", "copy"), label("p2", "copy"), label("p1", "other"), label("p2", "unsure")]
    assert truth(labels, frozenset({"p1", "p2"})) == {("p1", "case-a"): False}


def test_the_ratio_of_no_counts_has_no_value() -> None:
    assert ratio(0, 0).value is None


@pytest.mark.parametrize(("hits", "of_"), [(10, 10), (0, 10), (5, 10), (95, 100), (1, 1)])
def test_the_ends_of_the_interval_are_two_deviations_from_the_ratio(hits: int, of_: int) -> None:
    found = ratio(hits, of_)
    for end in {found.low, found.high} - {0.0, 1.0}:
        deviation = sqrt(end * (1 - end) / of_)
        assert abs(end - hits / of_) / deviation == pytest.approx(1.959964, abs=1e-5)
    assert found.low <= hits / of_ <= found.high
