"""Waiting for a broker that was just started."""

import socket
import subprocess
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient


def free_port(wanted: int = 0) -> int:
    """Return a loopback port that nobody listens on: the wanted one if it is free."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_serving(bootstrap: str, process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Return True once the broker answers, False if its process ends or the time is over."""
    deadline = time.monotonic() + timeout_s
    # log_level 0: refused connections are what we are waiting out
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 100})
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.list_topics(timeout=1).brokers:
                return True
        except KafkaException:
            continue
    return False
