"""Client for links that others chose."""

import httpx

from streams.links.addresses import AddressPolicy
from streams.links.client import guarded_client


async def test_the_wait_for_a_free_connection_is_never_the_timeout_of_a_host() -> None:
    async with guarded_client(AddressPolicy(()), timeout_s=3.0, max_connections=1) as client:
        assert client.timeout == httpx.Timeout(connect=3.0, read=3.0, write=3.0, pool=None)
