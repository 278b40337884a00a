"""Licences of the locked packages by their own metadata, against those that are allowed."""

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, NamedTuple

from ops.audit.locked import ROOT, Package

UNKNOWN = "unknown"
_POLICY: dict[str, Any] = tomllib.loads((Path(__file__).parent / "licences.toml").read_text("utf-8"))
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_OPERATORS = {"AND", "OR", "WITH"}
_SHORT = 40
"""Some packages write the text of their licence where its name belongs."""


class Licensed(NamedTuple):
    """A package and its licence."""

    package: Package
    licence: str
    """SPDX expression if the package has one; else the package's own words."""
    reason: str
    """Why it may stay although its licence is not among the allowed ones; empty if it is, or if nothing allows it."""
    is_allowed: bool


def licences(packages: Iterable[Package], folder: Path | None = None) -> list[Licensed]:
    """Return the licence of each package.

    Parameters
    ----------
    folder
        With the installed packages; by default that of .venv.
    """
    site = folder or next((ROOT / ".venv" / "lib").glob("python*/site-packages"))
    installed = {_normal(found.metadata["Name"]): found for found in distributions(path=[str(site)])}
    return [_judge(package, _licence(package, installed.get(_normal(package.name)))) for package in packages]


def unused_exceptions(found: Iterable[Licensed]) -> list[str]:
    """Return the packages of the policy that are locked no more, or have another licence now."""
    used = {one.package.name for one in found if one.reason}
    locked = {one.package.name for one in found}
    return sorted({*_POLICY["exceptions"]} - used) + sorted({*_POLICY["elsewhere"]} - locked)


def _judge(package: Package, licence: str) -> Licensed:
    exception = _POLICY["exceptions"].get(package.name, {})
    reason = exception["because"] if exception.get("licence") == licence else ""
    # Each licence of an expression, also of a choice: an exception is read by a person, no expression is solved here.
    names = set(_IDENTIFIER.findall(licence)) - _OPERATORS
    return Licensed(package, licence, reason, bool(reason) or names <= set(_POLICY["allowed"]))


def _licence(package: Package, installed: Distribution | None) -> str:
    if installed is None:
        return str(_POLICY["elsewhere"].get(package.name, UNKNOWN))
    metadata = installed.metadata
    if expression := metadata.get("License-Expression"):
        return expression
    named = (metadata.get("License") or "").strip().partition("\n")[0]
    classified = [
        one.rpartition(" :: ")[2] for one in metadata.get_all("Classifier") or [] if one.startswith("License")
    ]
    texts = [named, *classified]
    known = [_POLICY["names"].get(text, text) for text in texts]
    allowed = next((name for name in known if name in _POLICY["allowed"]), None)
    return allowed or next((name for name in known if 0 < len(name) <= _SHORT), UNKNOWN)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
