"""The cause of an error is found along its chain, also where that chain has no end."""

import pytest

from streams.errors import worker_fault


@pytest.mark.timeout(60)  # without an end it never returns
def test_an_error_raised_from_itself_is_no_fault_of_the_worker() -> None:
    error = ValueError("as pymilvus raises them")
    error.__cause__ = error
    assert worker_fault(error) is None


def test_a_cause_within_a_chain_without_end_is_found() -> None:
    outer, full = ValueError("outer"), OSError(28, "No space left on device")
    outer.__cause__, full.__cause__ = full, outer
    fault = worker_fault(outer)
    assert fault is not None
    assert fault.reason == "worker_resources"
