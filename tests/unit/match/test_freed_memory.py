"""Memory that is freed between pieces that are kept goes back to the system."""

import ctypes
from pathlib import Path

import pytest

from streams.match.freed_memory import release_freed

_PIECE, _N = 32_768, 2_000


def _anonymous_bytes() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc")
def test_freed_memory_returns_to_the_system() -> None:
    pieces = [bytearray(b"x" * _PIECE) for _ in range(_N)]
    del pieces[::2]
    held = _anonymous_bytes()
    release_freed()
    assert _anonymous_bytes() < held - _PIECE * _N // 4
    assert len(pieces) == _N // 2
