"""Addresses that brokers advertise: clients connect to these, whatever address they asked first.

A broker whose `advertised.listeners` is wrong answers a client's first question and nothing else, which looks like an
outage without an end.
"""

import re
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from confluent_kafka.admin import ClusterMetadata

_KNOWN_BY_ANSWER = re.compile(r"(\S+)/\d+: (.*)", re.DOTALL)
"""librdkafka's name of a broker with the number that it has in a cluster; one known by its address has none."""
_CONNECT_S = 2.0
_MAX_LOOKED_AT = 32
"""Brokers that are connected to; of a larger cluster the first ones."""


class Unreachable(NamedTuple):
    """One advertised address that this machine cannot connect to."""

    address: str
    """host:port."""
    reason: str

    def __str__(self) -> str:
        return f"{self.address} ({self.reason})"


class Advertised(NamedTuple):
    """Addresses of a cluster's brokers, as far as they were looked at."""

    n_brokers: int
    unreachable: list[Unreachable]

    @property
    def none_answers(self) -> bool:
        """Whether no address can be connected to."""
        return len(self.unreachable) == self.n_brokers

    def sentence(self, bootstrap_servers: str) -> str:
        """Return what is wrong."""
        named = ", ".join(map(str, self.unreachable))
        return (
            f"the broker at {bootstrap_servers} answers, but advertises addresses that this machine cannot connect to: "
            f"{named}"
        )


def look_at(cluster: ClusterMetadata) -> Advertised:
    """Connect to the address of every broker, for `_CONNECT_S` at most, and return those that fail."""
    addresses = [(str(broker.host), broker.port) for broker in cluster.brokers.values()][:_MAX_LOOKED_AT]
    return Advertised(len(addresses), list(_unreachable(addresses)))


def unreachable_in(errors: Iterable[str]) -> Advertised:
    """Return the addresses that a client could not connect to, of brokers that it has from another's answer only."""
    found = {Unreachable(*match.groups()): None for error in errors if (match := _KNOWN_BY_ANSWER.match(error))}
    return Advertised(len(found), list(found))


def _unreachable(addresses: list[tuple[str, int]]) -> Iterator[Unreachable]:
    with ThreadPoolExecutor(max(1, len(addresses))) as pool:
        for (host, port), reason in zip(addresses, pool.map(_connect, addresses), strict=True):
            if reason:
                yield Unreachable(f"{host}:{port}", reason)


def _connect(address: tuple[str, int]) -> str:
    """Return why a connection fails, empty if it does not."""
    try:
        socket.create_connection(address, timeout=_CONNECT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""
