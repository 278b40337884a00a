"""HTTP server within another program: its socket is open before it serves, and its signals are the program's."""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import uvicorn

from streams.errors import UsageError


class StoppableServer(uvicorn.Server):
    """A server that leaves signal handling to its program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def stop(self) -> None:
        """Accept no more requests, and end when those under way are answered."""
        self.should_exit = True


def server_config(app: Callable[..., Any], **options: Any) -> uvicorn.Config:  # noqa: ANN401 - uvicorn's own options
    """Return the configuration of a server that logs nothing, as its program does, and names no software."""
    return uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False, **options)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that accepts connections.

    Raises
    ------
    UsageError
        The address cannot be listened on.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        is_taken = getattr(error, "errno", None) == errno.EADDRINUSE
        reason = "another program listens there: choose another port" if is_taken else error
        raise UsageError(f"cannot listen on {host}:{port}: {reason}") from error


def is_loopback(host: str) -> bool:
    """Return whether only this machine can connect to a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
