"""The bench of the takedown stage's state measures takedowns that the stage applies."""

from ops.bench.memory import measure_takedowns


def test_the_takedowns_are_applied_and_a_review_withdraws_its_own() -> None:
    found = measure_takedowns(200)
    assert found["bytes_a_takedown"] > 100
    assert found["withdrawn"] == 2
    assert found["events_read_after_one_review"] >= 2
