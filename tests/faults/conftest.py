"""A rig for each test: topics of its own on the shared broker, workers that end with the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.rig import Rig
from tests.support.brokers import make_topics


@pytest.fixture
def rig(kafka: str, prefix: str, tmp_path: Path) -> Iterator[Rig]:
    make_topics(kafka, prefix)
    rig = Rig(tmp_path, kafka, prefix)
    yield rig
    end(rig)


def end(rig: Rig) -> None:
    for worker in rig.workers:
        if worker.alive:
            worker.kill()
