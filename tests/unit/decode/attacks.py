"""Work function of a child that a medium has taken over: what it tries against the worker, the machine and the network.

A job is an attack's name and its argument; if the attack succeeded, the answer is empty, or the child exits with 0.
"""

import ctypes
import os
import resource
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

_ADDRESS = "127.0.0.1"
_PTRACE_SEIZE = 0x4206
"""Traces a process without stopping it."""


def work(job: bytes, __: Sequence[int]) -> Iterator[bytes]:
    """Yield the outcome of one attack."""
    name, _, argument = job.decode().partition(" ")
    try:
        globals()[f"_{name}"](argument)
    except OSError as error:
        yield repr(error).encode()
    else:
        yield b""


def _read(path: str) -> None:
    Path(path).read_bytes()


def _read_memory(pid: str) -> None:
    os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))


def _list_folder(path: str) -> None:
    list(Path(path).iterdir())


def _signal(pid: str) -> None:
    os.kill(int(pid), signal.SIGCONT)


def _limit(pid: str) -> None:
    resource.prlimit(int(pid), resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE))


def _trace(pid: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(_PTRACE_SEIZE, int(pid), None, None) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    os._exit(0)  # otherwise the next signal would stop the traced process


def _connect(port: str) -> None:
    with socket.socket() as client:
        client.connect((_ADDRESS, int(port)))


def _send(port: str) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"stolen", (_ADDRESS, int(port)))


def _unix(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def _abstract(name: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0{name}")


def _write(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def _remove(path: str) -> None:
    Path(path).unlink()


def _execute(path: str) -> None:
    os.execv(path, [path])
