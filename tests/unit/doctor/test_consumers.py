"""Findings on the workers of a stage and its consumer lag."""

import pytest

from streams.doctor.consumers import MAX_AGE_S, Consumers, lagging, reading
from streams.kafka.lag import StageLag
from tests.unit.doctor.test_doctor import assert_finding

POSTS = [("posts", number) for number in range(8)]
NOW_S = 1_000_000.0
OLD_S = NOW_S - MAX_AGE_S - 1


def test_a_stage_without_a_worker_is_wrong_and_named_with_its_group() -> None:
    found = reading("decode", Consumers("p-jikimi-decode", 0, []), POSTS)
    assert_finding(found, "wrong", "no worker", "p-jikimi-decode", "posts, looks is not read", "jikimi worker decode")


def test_partitions_that_no_member_holds_are_wrong_and_named() -> None:
    found = reading("decode", Consumers("g", 1, [*POSTS[:6], ("frames", 7)]), POSTS)
    assert_finding(found, "wrong", "posts/6, posts/7 is assigned to none of 1 members")
    found = reading("decode", Consumers("g", 1, []), POSTS)
    assert_finding(found, "wrong", "posts/4 and 3 more")


def test_members_that_are_no_workers_are_wrong_and_named_first() -> None:
    found = reading("decode", Consumers("g", 1, POSTS, ["report at /10.0.0.9", "kcat at /10.0.0.8"]), POSTS)
    assert_finding(
        found, "wrong", "2 members of group g are not workers", "report at /10.0.0.9, kcat", "a group of its"
    )


def test_a_stage_that_reads_everything_is_ok() -> None:
    assert_finding(reading("decode", Consumers("g", 2, POSTS), POSTS), "ok", "2 members of group g", "all 8")


@pytest.mark.parametrize(("lag", "later", "health", "text"), [
    (StageLag(), StageLag(), "ok", "no record is waiting"),
    (StageLag(5, NOW_S - 10), StageLag(9, NOW_S - 10), "ok", "9 records are waiting, the oldest for 10 s"),
    (StageLag(5, OLD_S), StageLag(4, OLD_S), "warn", "for 61 s; fewer than"),
    (StageLag(5, OLD_S), StageLag(5, OLD_S), "wrong", "not fewer"),
    (StageLag(5, OLD_S), StageLag(6, OLD_S), "wrong", "6 records are waiting"),
])  # fmt: skip
def test_a_stage_is_behind_when_its_oldest_record_is_old_and_the_lag_does_not_shrink(
    lag: StageLag, later: StageLag, health: str, text: str
) -> None:
    assert_finding(lagging("decode", lag, later, NOW_S), health, text)
