"""Ports of servers on this machine."""

import socket
from itertools import repeat
from pathlib import Path

import pytest

from streams.kafka import serving
from streams.kafka.serving import free_port, share_ports


def test_no_outgoing_connection_takes_a_free_port_before_its_server_does() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split())
    given = [free_port() for _ in range(200)]
    assert not any(first <= port <= last for port in given)
    assert len(set(given)) == len(given)


def test_the_wanted_port_is_given_unless_something_listens_on_it() -> None:
    wanted = free_port()
    assert free_port(wanted) == wanted
    with socket.create_server(("127.0.0.1", wanted)):
        assert free_port(wanted) != wanted


def test_processes_that_share_the_ports_never_choose_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_free", serving._free)  # restored afterwards
    given = []
    for number in range(3):
        share_ports(number, 3)
        given.append({free_port() for _ in range(200)})
    assert [len(ports) for ports in given] == [200, 200, 200]
    assert not given[0] & given[1] | given[1] & given[2] | given[0] & given[2]


def test_where_all_are_taken_that_is_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(serving, "_free", repeat(server.getsockname()[1]))
        with pytest.raises(OSError, match="none of 100 loopback ports is free"):
            free_port()
