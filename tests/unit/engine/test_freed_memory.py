"""Memory that is freed goes back to the system."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from streams.engine.freed_memory import release_freed

_PIECE, _N = 32_768, 2_000

pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc")


def _anonymous_bytes() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def test_memory_freed_between_pieces_that_are_kept_returns_to_the_system() -> None:
    pieces = [bytearray(b"x" * _PIECE) for _ in range(_N)]
    del pieces[::2]
    held = _anonymous_bytes()
    release_freed()
    assert _anonymous_bytes() < held - _PIECE * _N // 4
    assert len(pieces) == _N // 2


_PROGRAM = f"""
import threading
from contextlib import suppress
from streams.engine.freed_memory import release_freed
from streams.engine.worker import run_worker
from streams.errors import UsageError
from streams.settings import load_settings
from tests.unit.engine.test_freed_memory import _anonymous_bytes

def use():
    pieces = [bytearray(b"x" * {_PIECE}) for _ in range({_N // 2})]

with suppress(UsageError):
    run_worker(["none"], load_settings(bootstrap_servers="127.0.0.1:9"))
bytearray(b"x" * {_PIECE} * {_N // 2})  # after a large one is freed, the library keeps more
before = _anonymous_bytes()
thread = threading.Thread(target=use)
thread.start()
thread.join()
release_freed()
print(_anonymous_bytes() - before)
"""


def test_memory_that_a_thread_of_a_worker_has_freed_returns_to_the_system() -> None:
    found = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert int(found.stdout) < _PIECE * _N // 8
