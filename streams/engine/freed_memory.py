"""Memory that the process has freed: the C library keeps it, between what is still used, in case it is wanted again."""

import ctypes

_M_ARENA_MAX = -8
"""Of malloc.h."""


def use_one_arena() -> None:
    """Let all threads allocate in one arena, where the C library is glibc; call it before they start.

    By default each thread that searches has an arena of its own, and keeps up to 64 MB that it has freed at its end,
    which not even `release_freed` returns.
    """
    option = getattr(ctypes.CDLL(None), "mallopt", None)
    if option is not None:
        option(_M_ARENA_MAX, 1)


def release_freed() -> None:
    """Return freed memory to the system, where the C library can; glibc keeps most of it otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
