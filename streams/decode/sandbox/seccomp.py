"""Filter of system calls: a decoder may compute, read open files and answer; every other call fails with EPERM.

A list of what is allowed, so that a call which a later kernel adds is refused. Numbers are from the kernel's headers
asm/unistd_64.h and asm-generic/unistd.h; its Documentation/userspace-api/seccomp_filter.rst explains the filter.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator

from streams.decode.sandbox.kernel import prctl

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
"""Instructions of the filter: load a word, skip unless equal, return."""
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Offsets in struct seccomp_data; of an argument the low word comes first."""
_COLUMNS = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Machine to column of the numbers and AUDIT_ARCH_…."""

_FREE = {
    # open files
    "read": (0, 63), "readv": (19, 65), "pread64": (17, 67), "preadv": (295, 69), "lseek": (8, 62), "fstat": (5, 80),
    "newfstatat": (262, 79), "statx": (332, 291), "getcwd": (79, 17), "write": (1, 64), "writev": (20, 66),
    "dup": (32, 23), "close": (3, 57), "poll": (7, None), "ppoll": (271, 73), "recvmsg": (47, 212),
    # memory and locks
    "mmap": (9, 222), "munmap": (11, 215), "mremap": (25, 216), "mprotect": (10, 226), "madvise": (28, 233),
    "brk": (12, 214), "futex": (202, 98), "membarrier": (324, 283),
    # time and the processor
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "nanosleep": (35, 101),
    "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153), "getrusage": (98, 165),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "getcpu": (309, 168), "sysinfo": (99, 179),
    "uname": (63, 160), "getrandom": (318, 278),
    # itself
    "getpid": (39, 172), "gettid": (186, 178), "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176),
    "getegid": (108, 177), "getrlimit": (97, 163), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139), "sigaltstack": (131, 132), "restart_syscall": (219, 128), "rseq": (334, 293),
    "set_robust_list": (273, 99), "exit": (60, 93), "exit_group": (231, 94),
}  # fmt: skip
_LIMITED = {
    # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC; above all not F_SETOWN, which sends signals
    "fcntl": ((72, 25), 1, (0, 1, 2, 3, 1030)),
    # TCGETS, FIOCLEX, FIONCLEX
    "ioctl": ((16, 29), 1, (0x5401, 0x5451, 0x5450)),
    # of this process only, as the C library reads its own limits
    "prlimit64": ((302, 261), 0, (0,)),
}
"""Name to numbers, the position of an argument, and its allowed values."""


def restrict() -> None:
    """Refuse every system call that is not listed, for this process and for ever.

    Raises
    ------
    OSError
        As the kernel refuses it; ENOSYS for a processor whose numbers are not listed.
    """
    column, architecture = _columns()
    code = b"".join(_instructions(column, architecture))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer)))
    prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), program)


def _columns() -> tuple[int, int]:
    machine = os.uname().machine
    if machine not in _COLUMNS:
        raise OSError(errno.ENOSYS, f"no list of system calls for {machine}")
    return _COLUMNS[machine]


def _instructions(column: int, architecture: int) -> Iterator[bytes]:
    """Yield the filter's instructions, 8 bytes each."""
    yield _instruction(_LOAD, _ARCHITECTURE)
    yield _instruction(_EQUAL, architecture, 1, 0)
    yield _instruction(_RETURN, _REFUSE)  # such as 32-bit calls, whose numbers differ
    yield _instruction(_LOAD, _NUMBER)
    for numbers in _FREE.values():
        if (number := numbers[column]) is not None:
            yield from _allow(number)
    for numbers, position, values in _LIMITED.values():
        yield _instruction(_EQUAL, numbers[column], 0, 2 + 2 * len(values))
        yield _instruction(_LOAD, _ARGUMENTS + 8 * position)
        for value in values:
            yield from _allow(value)
        yield _instruction(_RETURN, _REFUSE)
    yield _instruction(_RETURN, _REFUSE)


def _allow(value: int) -> Iterator[bytes]:
    yield _instruction(_EQUAL, value, 0, 1)
    yield _instruction(_RETURN, _ALLOW)


def _instruction(code: int, value: int, skip_if_true: int = 0, skip_if_false: int = 0) -> bytes:
    return struct.pack("@HBBI", code, skip_if_true, skip_if_false, value)
