"""Logging configuration of the commands."""

import logging
from collections.abc import Iterator

import pytest
import stamina
import stamina.instrumentation
import structlog

from streams.telemetry.logs import configure_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    stamina.instrumentation.set_on_retry_hooks(None)


def test_a_successful_retry_is_not_logged(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(logging.WARNING)
    failures = [ConnectionError("not yet")]

    @stamina.retry(on=ConnectionError, wait_initial=0.01)
    def attempt() -> str:
        if failures:
            raise failures.pop()
        return "answer"

    assert attempt() == "answer"
    assert capfd.readouterr() == ("", "")
