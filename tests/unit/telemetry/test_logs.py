"""What the command's log tells, and what it leaves out."""

import logging
from collections.abc import Iterator

import pytest
import stamina
import stamina.instrumentation
import structlog

from streams.telemetry.logs import configure_logging


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    stamina.instrumentation.set_on_retry_hooks(None)


def test_a_retry_that_helps_is_not_told(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(logging.WARNING)
    failures = [ConnectionError("not yet")]

    @stamina.retry(on=ConnectionError, wait_initial=0.01)
    def ask() -> str:
        if failures:
            raise failures.pop()
        return "answer"

    assert ask() == "answer"
    assert capfd.readouterr() == ("", "")
