"""Size, seed and source media of a set to be made."""

from dataclasses import dataclass
from pathlib import Path

from streams.evaluation.edits.catalogue import EDITS


@dataclass(frozen=True, slots=True)
class SetPlan:
    """Size and seed of a set."""

    references: int = 40
    """Number cut from videos."""
    copies: int = 10
    """Number for each edit."""
    pairs: int = 120
    unrelated: int = 40
    background: int = 6
    seconds: float = 14.0
    """Length of a reference, give or take `spread`."""
    hold_out: float = 0.5
    """Share of the videos from which no reference is cut."""
    seed: int = 0
    edits: tuple[str, ...] = tuple(EDITS)
    """Edits to use; all by default."""
    rooms: int = 0
    """Rooms to be rendered, each with a fixed camera."""
    recordings: int = 3
    """Recordings of each room; the first half, rounded up, are references, the others look-alikes."""
    look_alikes: int = 0
    """Uploads of other parts of videos that have references, and of other recordings of rooms that have."""
    spread: float = 0.15
    """Share of `seconds` by which a length differs at most."""
    height: int = 360
    """Of most clips cut from videos, pixels; every sixth is 720."""
    long_share: float = 0.0
    """Share of the clips that last 60 s."""
    music_under: bool = True
    """Whether silent videos get a piece of music as their sound."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Folders of source media."""

    videos: Path | None = None
    music: Path | None = None
    speech: Path | None = None
    photographs: Path | None = None
    """Still pictures used as rooms; rooms are drawn without them."""
