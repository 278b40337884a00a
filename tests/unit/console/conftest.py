"""A site with cases, reviews and takedowns, for the tests of its pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.console.site import Site
from tests.unit.console.made_site import Clock, RecordedActions, fill, made_site, withdraw_two


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[tuple[Site, RecordedActions]]:
    with made_site(folder=tmp_path) as pair:
        fill(pair[0].store)
        withdraw_two(pair[0])
        yield pair


@pytest.fixture
def site(made: tuple[Site, RecordedActions]) -> Site:
    return made[0]


@pytest.fixture
def actions(made: tuple[Site, RecordedActions]) -> RecordedActions:
    return made[1]
