"""Fixtures of several rooms."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.decode.served import Server, serving


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Loopback HTTP server with the answers of a test."""
    async with serving() as running:
        yield running
