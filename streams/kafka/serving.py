"""Brokers in a process on this machine: free ports, start, readiness, stop."""

import errno
import os
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, cycle, islice
from pathlib import Path
from random import SystemRandom
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.kafka import process

_FIRST, _END = 20_000, 32_768
"""Below those that systems give to outgoing connections: one of these could take a port before its server does."""
_TRIES = 100


def _ports(first: int, step: int) -> Iterator[int]:
    found = range(first, _END, step)
    return cycle(SystemRandom().sample(found, len(found)))


_free = _ports(_FIRST, 1)


def share_ports(number: int, of: int) -> None:
    """Choose from every `of`-th port only, from now on, as so many processes do that choose ports at the same time.

    A port is free until its server listens, which takes seconds: another process could choose it meanwhile.

    Parameters
    ----------
    number
        Number of this process, from 0.
    """
    global _free  # noqa: PLW0603 - of the process, as ports are
    _free = _ports(_FIRST + number, of)


def free_port(wanted: int = 0) -> int:
    """Return a free loopback port: the wanted one if nothing listens on it.

    Raises
    ------
    OSError
        A hundred others were taken.
    """
    for port in chain([wanted] if wanted else [], islice(_free, _TRIES)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(errno.EADDRINUSE, f"none of {_TRIES} loopback ports is free")


class LocalBroker(ABC):
    """A broker on a loopback port, running within its `with` block.

    Parameters
    ----------
    port
        Port for clients; a free one by default, the same after a restart.
    """

    def __init__(self, port: int | None = None) -> None:
        self._port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"127.0.0.1:{self._port}"

    @abstractmethod
    def start(self) -> str:
        """Start the broker, wait until it serves, and return its address."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the broker."""

    def kill(self) -> None:
        """End the broker at once, as a power cut would."""
        if self._process is not None:
            process.kill(self._process)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self, command: Sequence[str], timeout_s: float, log_file: Path = Path(os.devnull)) -> bool:
        """Start the broker's process and return True once it serves; kill it and return False after the timeout."""
        self._process = process.start(command, log_file=log_file)
        if _wait_until_serving(self.bootstrap, self._process, timeout_s):
            return True
        self.kill()
        return False


def _wait_until_serving(bootstrap: str, broker: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Return True once the broker serves metadata, False if its process ends or the timeout passes."""
    deadline = time.monotonic() + timeout_s
    # log_level 0: refused connections are expected until the broker listens.
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 100})
    while time.monotonic() < deadline and broker.poll() is None:
        try:
            if client.list_topics(timeout=1).brokers:
                return True
        except KafkaException:
            continue
    return False
