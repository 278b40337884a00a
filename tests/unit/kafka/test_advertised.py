"""Addresses that brokers advertise."""

import socket
from types import SimpleNamespace
from typing import Any

from streams.kafka.advertised import look_at, unreachable_in
from streams.kafka.serving import free_port


def cluster(*ports: int) -> Any:
    return SimpleNamespace(brokers={port: SimpleNamespace(host="127.0.0.1", port=port) for port in ports})


def test_an_address_that_refuses_connections_is_named_with_the_reason() -> None:
    closed = free_port()
    found = look_at(cluster(closed))
    assert found.none_answers
    assert str(found.unreachable[0]) == f"127.0.0.1:{closed} (Connection refused)"
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = look_at(cluster(closed, server.getsockname()[1]))
    assert not found.none_answers
    assert [one.address for one in found.unreachable] == [f"127.0.0.1:{closed}"]


def test_a_clients_errors_name_the_brokers_that_another_has_named() -> None:
    at = "kafka.internal:9092"
    found = unreachable_in(
        [
            "10.0.0.1:9092/bootstrap: Connect to ipv4#10.0.0.1:9092 failed: Connection refused",
            f"{at}/1: Failed to resolve",
        ]
    )
    assert [tuple(one) for one in found.unreachable] == [(at, "Failed to resolve")]
    assert "10.0.0.1:9092 answers, but advertises addresses" in found.sentence("10.0.0.1:9092")
