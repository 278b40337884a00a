"""Calls of the Linux kernel that Python has no function for."""

import ctypes
import errno
import os
import sys

_PR_SET_DUMPABLE = 4
_CAPABILITY_VERSION = 0x20080522


def prctl(option: int, *arguments: object) -> None:
    """Call prctl(2).

    Raises
    ------
    OSError
        As the kernel refuses it; ENOSYS on other systems than Linux.
    """
    _checked(_libc().prctl(option, *arguments, *(ctypes.c_ulong(0),) * (4 - len(arguments))))


def syscall(number: int, *arguments: object) -> int:
    """Return the result of a system call; errors as prctl."""
    return _checked(_libc().syscall(ctypes.c_long(number), *arguments))


def set_dumpable(*, dumpable: bool) -> None:
    """Allow or forbid other processes of this user to read this one's memory, environment and files; errors as prctl.

    Forbidden, there is also no core dump, and debuggers and profilers need root.
    """
    prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(dumpable))


def drop_capabilities() -> None:
    """Drop all capabilities, those of a user namespace included; errors as prctl."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _checked(_libc().capset(header, (ctypes.c_uint32 * 6)()))


def _libc() -> ctypes.CDLL:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "Linux only")
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
