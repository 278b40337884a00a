"""Answers of `jikimi check`, one for each address; as `--json` prints them, later versions only add fields."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal

import msgspec

from schemas.messages import Evidence, State

type Result = Literal["act", "review", "nothing", "unread", "waiting"]
"""Strongest decision on an address; unread: it could not be looked at, in full; waiting: no verdict in time."""

NOT_CHECKED = "link_not_checked"
"""Reason of an address that was not looked at because of a bug of ours, or because a process was stopped."""
EXIT_CODES: Mapping[Result, int] = MappingProxyType({"act": 3, "review": 4, "unread": 5, "waiting": 5, "nothing": 0})
"""Exit codes in order of precedence; 1 is a bug's and 2 a usage error's, as of every command."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One case that an address resembles."""

    case_id: str
    decision: Literal["act", "review"]
    probability: float
    evidence: list[Evidence]
    """Without pictures."""
    takedown_id: str = ""
    """Empty where there is none yet."""
    takedown: State | None = None
    """State of the takedown."""
    takedown_at: datetime | None = None
    held_for: list[str] = []
    """References, or the case itself, that a person has to confirm first."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one address."""

    address: str
    result: Result
    post_id: str = ""
    """Of its post; empty where none was made."""
    found: list[Found] = []
    reason: str = ""
    """Slug of why it could not be looked at, in full."""
    detail: str = ""
    media: int = 0
    """Media that are looked at."""
    media_named: int = 0
    """Media that its page names."""


def exit_code(answers: Iterable[Answer]) -> int:
    """Return the code of the strongest result."""
    results = {answer.result for answer in answers}
    return next((code for result, code in EXIT_CODES.items() if result in results), 0)
