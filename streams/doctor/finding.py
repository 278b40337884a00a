"""Findings of the doctor: one line each, with its remedy."""

from typing import Literal

import msgspec

from streams.secrets.redaction import masked

Health = Literal["ok", "warn", "wrong"]


class Finding(msgspec.Struct, frozen=True, rename={"message": "said", "remedy": "mend"}):
    """Result of one check."""

    check: str
    """Name of the check."""
    health: Health
    """Warn: it works now, but maybe not for long or not well; wrong: something will not work."""
    message: str
    """State found, one line."""
    remedy: str = ""
    """Action that resolves it; empty if the health is ok."""


def ok(check: str, message: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, "ok", message)


def warn(check: str, message: str, remedy: str) -> Finding:
    """Return a finding of something that works, but maybe not for long or not well."""
    return Finding(check, "warn", masked(message), remedy)


def wrong(check: str, message: str, remedy: str) -> Finding:
    """Return a finding of something that does not work."""
    return Finding(check, "wrong", masked(message), remedy)
