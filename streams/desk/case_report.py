"""Report of a case, as `jikimi case show --json` prints it; these fields stay, later versions only add some.

Times are of RFC 3339 in UTC, positions and durations are seconds.
"""

from datetime import datetime
from typing import Literal

import msgspec

from schemas.messages import CaseKind, DeliveryKind, DeliveryOutcome, Modality, StandingKind, State

type ReferenceKind = Literal["video", "picture", "sound", "terms", "erased"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the report's parts."""


class MatchedPart(Part, frozen=True, kw_only=True):
    """One matched part of a post and of a reference."""

    modality: Modality = msgspec.field(name="sense")  # as earlier versions named it in JSON
    medium: int
    """Index of the medium in the post, -1 for its text."""
    post_start_s: float
    post_end_s: float
    reference_id: str
    file: str | None
    """Name of the reference's file, null where this machine has none."""
    reference_start_s: float
    reference_end_s: float
    speed: float
    """Reference seconds per second of the post."""
    score: float
    probability: float
    """Of this modality alone."""
    terms: int
    """Number of different terms found."""
    model: str
    """As name@version."""


class Step(Part, frozen=True, kw_only=True):
    """One state of a takedown."""

    at: datetime
    state: State
    by: str
    """Person who decided, empty if none did."""
    why: str


class DeliveryStep(Part, frozen=True, kw_only=True):
    """A notice sent, an answer, a look at the post, a reminder or an escalation."""

    at: datetime
    kind: DeliveryKind
    outcome: DeliveryOutcome
    number: int
    channel: str
    address: str
    status: int | None
    error: str
    receipt: str
    detail: str
    by: str
    why: str
    due_at: datetime | None


class FoundPost(Part, frozen=True, kw_only=True):
    """A post and why it was found."""

    post_id: str
    platform: str
    url: str
    author: str | None
    published_at: datetime
    seen_at: datetime
    found_at: datetime
    """Time of the takedown's first event, or of the verdict that waits."""
    probability: float
    matches: list[MatchedPart]
    links: list[str]
    """Links that the post shows."""


class Hit(Part, frozen=True, kw_only=True):
    """A takedown, with all that happened to it."""

    takedown_id: str
    state: State
    post: FoundPost
    act_at: float
    """Threshold that the probability reached."""
    is_open: bool
    """Whether a removal is requested, or may yet be."""
    due_at: datetime | None
    is_overdue: bool
    history: list[Step]
    deliveries: list[DeliveryStep]


class WaitingReview(Part, frozen=True, kw_only=True):
    """A verdict on which a person has to decide."""

    verdict_id: str
    post: FoundPost
    review_at: float
    missing: list[Modality]
    """Modalities that had not arrived."""


class ReferenceReport(Part, frozen=True, kw_only=True):
    """One reference."""

    reference_id: str
    kind: ReferenceKind
    """Erased: a person found that it is not the victim's."""
    file: str | None
    duration_s: float
    """0 for a picture."""
    frames: int
    sounds: int
    review: StandingKind | None
    review_by: str
    review_why: str
    review_at: datetime | None
    quarantined_since: datetime | None
    held: int
    """Takedowns held for it."""


class FamilyReport(Part, frozen=True, kw_only=True):
    """Copies of one stretch of the same references."""

    first_seen: datetime
    takedown_ids: list[str]
    """In the order in which they were seen."""
    accounts: int
    """Number of different accounts."""
    platforms: dict[str, int]
    """Number of copies by platform."""


class UploaderReport(Part, frozen=True, kw_only=True):
    """An account that uploaded again."""

    platform: str
    author: str
    copies: int


class SearchReport(Part, frozen=True, kw_only=True):
    """How far the search in earlier posts is; a list of others is compared with files of their hashes."""

    share: float
    """Searched, 0 to 1."""
    most_s: float | None = None
    """Longest time that it still takes at the present pace, null where that is not known."""
    files: int = 0
    """Files that a list is compared with; 0 for a case."""
    compared: int = 0
    """Those of them that are done."""


class CaseReport(Part, frozen=True, kw_only=True):
    """A case; of a withdrawn one nothing but the pseudonym, times and counts."""

    case_id: str
    name: str
    opened_at: datetime | None
    withdrawn_at: datetime | None = None
    is_allowed: bool = False
    """Whether it is an allow-list."""
    kind: CaseKind | None = None
    minor: bool = False
    authority: str = ""
    act: float | None = None
    review: float | None = None
    review_only: bool = False
    """Whether it never acts by itself: a list of others."""
    approve: bool = False
    """Whether a person approves each notice."""
    opened_by: str = ""
    """Account that opened it."""
    confirmed_by: str = ""
    """Account that confirmed it last."""
    waits: bool = False
    """Whether takedowns are held until a second person confirms it."""
    terms: int = 0
    phrases: int = 0
    models: dict[Modality, list[str]] = {}
    references: list[ReferenceReport] = []
    search: SearchReport | None = None
    """Search in earlier posts, null while no worker has written how far it is."""
    states: dict[State, int] = {}
    """Number of takedowns in each state."""
    families: list[FamilyReport] = []
    """Copies of the same stretches, the family that was seen first first."""
    repeat_uploaders: list[UploaderReport] = []
    """Accounts with three or more copies."""
    hits: list[Hit] = []
    reviews: list[WaitingReview] = []
