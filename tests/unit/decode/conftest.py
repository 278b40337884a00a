"""A fetcher of media from a server on the loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.decode.fetch.fetcher import Fetcher
from tests.unit.decode.served import settings


@pytest.fixture
async def fetcher(tmp_path: Path) -> AsyncIterator[Fetcher]:
    async with Fetcher(settings(tmp_path)) as fetcher:
        yield fetcher
