"""A case as its officer opens it, and what is shown and asked meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from schemas.messages import CaseKind, Reference
from streams.desk.concerns import Concern

LOADING, DESCRIBING = "loading the models", "describing "
"""What is under way; the second is followed by the name of a file."""
type Progress = Callable[[str, float, float], None]
"""Called with what is under way, the part that is done, and the whole; 0 if that is unknown."""
type Ask = Callable[[Sequence[Concern]], None]
"""Called with the concerns about the case; raises to stop it."""
type Preview = Callable[[Sequence[Reference]], None]
"""Called with what would be written, before the last question."""


@dataclass(frozen=True, slots=True)
class NewCase:
    """Case as the officer opens it."""

    name: str
    references: Sequence[Path]
    terms: Sequence[str] = ()
    phrases: Sequence[str] = ()
    case_id: str | None = None
    """Random by default, so it reveals nothing."""
    benign: bool = False
    """Whether it is an allow-list: its files are allowed wherever they are found."""
    kind: CaseKind = "shared_without_consent"
    minor: bool = False
    authority: str = ""
    """Reference of the authority's file, for notices."""
    approve: bool = False
    """Whether a person approves each notice."""
    four_eyes: bool = False
    """Whether its takedowns are held until a second person has confirmed it."""
    opened_by: str = ""
    """Account of the person; empty for a program, whose case is no person's act."""
    why: str = ""
    """The reason, for the log of acts."""


class OpenedCase(NamedTuple):
    """Case that was written."""

    case_id: str
    name: str
    opened_at: datetime
    files: Mapping[str, str]
    """Names of the files that were added, by reference id."""
