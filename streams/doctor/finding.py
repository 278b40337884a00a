"""What the doctor finds: one line each, and how to mend it."""

from typing import Literal

import msgspec

Health = Literal["ok", "warn", "wrong"]


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at."""

    check: str
    """What was looked at, in a word or two."""
    health: Health
    """Warn: it works, and may not for long or not well; wrong: something will not work."""
    said: str
    mend: str = ""
    """What to do about it; empty where all is well."""


def ok(check: str, said: str) -> Finding:
    """Return that this is well."""
    return Finding(check, "ok", said)


def warn(check: str, said: str, mend: str) -> Finding:
    """Return that this works, but."""
    return Finding(check, "warn", said, mend)


def wrong(check: str, said: str, mend: str) -> Finding:
    """Return that this does not work."""
    return Finding(check, "wrong", said, mend)
