"""Systems on the run's Kafka."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.system import System, running


@pytest.fixture
def system(kafka: str, prefix: str, tmp_path: Path) -> Iterator[System]:
    """Give a system of the test's own."""
    yield from running(kafka, prefix, tmp_path)
