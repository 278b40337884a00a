"""HTTP client for links that others chose: each connection, also of a redirect, goes to a checked address."""

import ssl
from functools import cache

import httpcore
import httpx

from streams.links.addresses import AddressPolicy, CheckedBackend


class _CheckedTransport(httpx.AsyncHTTPTransport):
    def __init__(self, policy: AddressPolicy, tls: ssl.SSLContext, max_connections: int) -> None:
        super().__init__(verify=tls, trust_env=False)
        # httpx 0.28 has no argument for a network backend; tests/unit/decode/test_fetch.py fails if this stops working
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, max_connections=max_connections, network_backend=CheckedBackend(policy)
        )


def guarded_client(policy: AddressPolicy, *, timeout_s: float, max_connections: int) -> httpx.AsyncClient:
    """Return a client that follows no redirect by itself and takes no proxy from the environment.

    Its requests raise, besides the errors of httpx, those of `AddressPolicy.addresses`.

    Parameters
    ----------
    timeout_s
        Longest wait for a connection, and without data on one. The wait for a free one has no limit of its own: it is
        not the host's fault, and the caller's limit on the whole request holds.
    """
    return httpx.AsyncClient(
        transport=_CheckedTransport(policy, _tls(), max_connections),
        timeout=httpx.Timeout(timeout_s, pool=None),
        headers={"User-Agent": "jikimi", "Accept-Encoding": "identity"},
        trust_env=False,  # a proxy would resolve names for us, unchecked
    )


@cache
def _tls() -> ssl.SSLContext:
    """Return the context of all clients: it takes long to make, because it reads all authorities."""
    return httpx.create_ssl_context(trust_env=False)
