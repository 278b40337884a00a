"""Address policy of links: the resolved addresses are checked, and the connection goes to a checked one.

A name is resolved once and the connection goes to the address that passed, so a second DNS answer changes nothing
(no rebinding). TLS still verifies the name, because only the TCP connection is made by address.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore

from streams.errors import TransientError, UnprocessableError

type Address = IPv4Address | IPv6Address
type Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses as text; raises OSError."""

_RESOLVERS = ThreadPoolExecutor(64, thread_name_prefix="resolver")
"""Threads of their own: a name server that does not answer holds one for half a minute, long after its fetch."""
_NAT64 = IPv6Network("64:ff9b::/96")


async def resolve_by_dns(host: str, port: int) -> list[str]:
    """Return all addresses of a host from the system's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_RESOLVERS, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))
    return [str(address[0]) for *_, address in found]


def _embedded(address: Address) -> Address:
    """Return the IPv4 address embedded in an IPv6 address, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def is_public(address: Address) -> bool:
    """Return whether an address is on the public internet, also when it is tunnelled in IPv6."""
    target = _embedded(address)
    local = isinstance(target, IPv6Address) and target.is_site_local
    return target.is_global and not (target.is_multicast or target.is_reserved or target.is_unspecified or local)


class AddressPolicy:
    """Resolves host names to addresses that may be connected to.

    Parameters
    ----------
    allowed
        Exceptions that may be private: "host", "host:port", or CIDR.
    resolve
        DNS.
    """

    def __init__(self, allowed: Iterable[str] = (), resolve: Resolve = resolve_by_dns) -> None:
        entries = set(allowed)
        self._networks = [ip_network(entry) for entry in entries if "/" in entry]
        self._hosts = {entry.lower() for entry in entries if "/" not in entry}
        self._resolve = resolve

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, all of them allowed.

        Raises
        ------
        UnprocessableError
            link_private_address, if any of them is not public: a name with one private address is not trusted.
        TransientError
            link_unavailable, if DNS fails.
        """
        try:
            found = [ip_address(address) for address in await self._resolve(host, port)]
        except (OSError, UnicodeError) as error:
            raise TransientError("link_unavailable", f"{host} does not resolve") from error
        if not found:
            raise TransientError("link_unavailable", f"{host} has no address")
        is_named = bool({host.lower(), f"{host.lower()}:{port}"} & self._hosts)
        for address in found:
            is_allowed = is_named or any(address in network for network in self._networks)
            if not (is_allowed or is_public(address)):
                raise UnprocessableError("link_private_address", f"{host} leads to the non-public {address}")
        return [str(address) for address in found]


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections to checked addresses only."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the overridden method has it)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection to the first checked address that answers.

        Raises
        ------
        httpcore.ConnectError, httpcore.ConnectTimeout
            If none answers.
        """
        try:
            async with asyncio.timeout(timeout):
                *others, last = await self._policy.addresses(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} does not resolve in time") from error
        for address in others:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # a dual-stack host may answer on one family only
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)
