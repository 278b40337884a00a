"""Packages of the lock files, with the digests of their files."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
RUNTIME, DEVELOPMENT = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")
_DIGEST = re.compile(r"^\s+--hash=sha256:([0-9a-f]{64})")


class Package(NamedTuple):
    """One package at one version."""

    name: str
    version: str
    digests: tuple[str, ...]
    """SHA-256 of each of its files that may be installed."""
    is_runtime: bool
    """Whether Jikimi needs it to run; otherwise only to be built or tested."""


def locked_packages() -> list[Package]:
    """Return the packages of both lock files, in the order of the one for development, which has them all."""
    runtime = {(name, version) for name, version, _ in _read(RUNTIME.read_text().splitlines())}
    found = _read(DEVELOPMENT.read_text().splitlines())
    return [Package(name, version, digests, (name, version) in runtime) for name, version, digests in found]


def _read(lines: Iterable[str]) -> list[tuple[str, str, tuple[str, ...]]]:
    found: list[tuple[str, str, list[str]]] = []
    for line in lines:
        if (pin := _PIN.match(line)) is not None:
            found.append((pin["name"], pin["version"], []))
        elif (digest := _DIGEST.match(line)) is not None:
            found[-1][2].append(digest[1])
    return [(name, version, tuple(digests)) for name, version, digests in found]
