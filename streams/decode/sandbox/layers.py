"""Layers of a child's isolation, of which each may be missing on some system: what they keep from a child.

A child is assumed to be taken over by the medium that it decodes.

    undumpable   memory, environment and open files of the worker and of other children; the worker applies it to itself
    user         files and processes of the worker's user, where that is root
    namespaces   all networks, the names of all files, shared memory
    landlock     opening files, running programs, tracing, TCP (from Linux 6.7), signals (from Linux 6.12)
    seccomp      every system call but those of a computation
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Collection

from streams.decode.sandbox import kernel, landlock, seccomp

UNDUMPABLE = "undumpable"
USER = "user"

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_NOBODY = 65534
_BARE_FOLDER = "/proc/self/fdinfo"
"""Contains nothing of use, and nothing can be written there."""

type Report = dict[str, str]
"""Layer to what is missing of it; empty if it holds in full."""


def available() -> tuple[str, ...]:
    """Return the names of the layers for this process's children: only root can give them another user."""
    return tuple(name for name in _LAYERS if name != USER or os.geteuid() == 0)


def apply(names: Collection[str]) -> Report:
    """Apply the named layers to this process for ever, drop its capabilities, and let it end with its parent."""
    chosen = {name: layer for name, layer in _LAYERS.items() if name in names}
    report = {name: _outcome(layer) for name, layer in chosen.items() if name not in _LAST}
    _outcome(_bare)
    return report | {name: _outcome(layer) for name, layer in chosen.items() if name in _LAST}


def apply_to_parent() -> None:
    """Make this process undumpable, where the system can."""
    _outcome(_undumpable)


def _outcome(layer: Callable[[], str]) -> str:
    try:
        return layer()
    except OSError as error:
        return error.strerror or repr(error)


def _user() -> str:
    os.setgroups([])
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)
    return ""


def _namespaces() -> str:
    if sys.platform != "linux":
        return "Linux only"
    os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET | os.CLONE_NEWIPC)
    kernel.set_dumpable(dumpable=True)  # a change of user makes it undumpable, and then /proc/self belongs to root
    os.chroot(_BARE_FOLDER)
    os.chdir("/")
    return ""


def _bare() -> str:
    """Drop the capabilities, above all those in its own namespace, and the right to gain any by a program.

    The signal at the end of the parent is set here, because a change of user deletes it.
    """
    kernel.drop_capabilities()
    kernel.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    kernel.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
    return ""


def _undumpable() -> str:
    kernel.set_dumpable(dumpable=False)
    return ""


def _seccomp() -> str:
    seccomp.restrict()
    return ""


_LAYERS: dict[str, Callable[[], str]] = {
    USER: _user,
    "namespaces": _namespaces,
    UNDUMPABLE: _undumpable,
    "landlock": landlock.restrict,
    "seccomp": _seccomp,
}
_LAST = ("landlock", "seccomp")
"""They need that no new privileges can be gained, and then no other layer could be applied."""
