"""Landlock: no file, program, TCP connection or other process outside this one's domain can be reached.

Files that are already open stay usable. See Documentation/userspace-api/landlock.rst of the kernel.
"""

import ctypes
import struct

from streams.decode.sandbox.kernel import syscall

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION_FLAG = 1
_FIRST_RIGHTS = 13
"""Number of file system rights of the first version."""
_MORE_RIGHTS = {2: 1, 3: 1, 5: 1}
"""Version of the kernel's interface to the number of file system rights that it added."""
_TCP_VERSION, _TCP = 4, 0b11
_SCOPE_VERSION, _SCOPE = 6, 0b11
"""Abstract UNIX sockets, signals."""


def restrict() -> str:
    """Forbid everything that this kernel's Landlock can forbid; return what it cannot, empty if it can do all.

    It always forbids tracing processes outside, which covers reading their memory and environment.

    Raises
    ------
    OSError
        If the kernel has no Landlock, or it is switched off.
    """
    version = syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    rights = (1 << (_FIRST_RIGHTS + sum(n for since, n in _MORE_RIGHTS.items() if version >= since))) - 1
    tcp = _TCP if version >= _TCP_VERSION else 0
    scope = _SCOPE if version >= _SCOPE_VERSION else 0
    attributes = struct.pack("@QQQ", rights, tcp, scope)[: 8 * (1 + (tcp > 0) + (scope > 0))]
    ruleset = syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    lacking = {"TCP": tcp, "signals": scope}
    return ", ".join(name for name, bits in lacking.items() if not bits)
