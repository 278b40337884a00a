"""Systems on the run's Kafka."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.system import System, running
from tests.support.brokers import new_prefix


@pytest.fixture
def system(kafka: str, prefix: str, tmp_path: Path) -> Iterator[System]:
    """Give a system of the test's own."""
    yield from running(kafka, prefix, tmp_path)


@pytest.fixture(scope="module")
def shared(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a system that a module's tests share: keep to your own posts and cases."""
    yield from running(kafka, new_prefix(), tmp_path_factory.mktemp("system"))
