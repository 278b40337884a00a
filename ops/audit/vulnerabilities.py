"""Known vulnerabilities of the locked packages, by pip-audit, which asks a database on the network."""

import json
import subprocess
import sys
from typing import NamedTuple

from ops.audit.locked import DEVELOPMENT

_LIMIT_S = 900.0
_SKIPPED, _FOUND = "skip_reason", "vulns"


class Vulnerability(NamedTuple):
    """One entry of the database."""

    package: str
    version: str
    id: str
    fixed_in: list[str]


class UnavailableError(Exception):
    """The database did not answer for every package: nothing is known, which is not the same as nothing being wrong."""


def vulnerabilities(service: str) -> list[Vulnerability]:
    """Return what is known of the packages of the lock file for development, which has all of them.

    Parameters
    ----------
    service
        Of pip-audit: pypi or osv.

    Raises
    ------
    UnavailableError
        It did not answer, or not for every package.
    """
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(DEVELOPMENT), "--disable-pip",
               "--require-hashes", "--vulnerability-service", service, "--format", "json",
               "--progress-spinner", "off"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LIMIT_S)  # noqa: S603 - our own command line
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{service} did not answer within {_LIMIT_S:g} s") from None
    if not done.stdout.strip():
        lines = done.stderr.strip().splitlines() or ["no output"]
        raise UnavailableError(f"{service} does not answer: {lines[-1][:300]}")
    return read(done.stdout, service)


def read(report: str, service: str) -> list[Vulnerability]:
    """Return the entries of pip-audit's report.

    Raises
    ------
    UnavailableError
        It left out packages: it takes an index without its API for one without the package.
    """
    packages = json.loads(report)["dependencies"]
    if skipped := [one["name"] for one in packages if _SKIPPED in one]:
        raise UnavailableError(
            f"{service} gave no answer for {len(skipped)} of {len(packages)} packages, {skipped[0]} first"
        )
    return [
        Vulnerability(one["name"], one["version"], found["id"], list(found["fix_versions"]))
        for one in packages
        for found in one[_FOUND]
    ]
