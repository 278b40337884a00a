"""Memory that the process has freed: the C library keeps it, between what is still used, in case it is wanted again."""

import ctypes


def release_freed() -> None:
    """Return freed memory to the system, where the C library can; glibc keeps most of it otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
