"""The messages as typed, immutable values; one class per record of the .avsc files.

The .avsc files are the contract and hold the meaning and unit of every field; a test keeps these classes equal to them.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

import msgspec

Modality = Literal["visual", "audio", "text", "voice"]
PieceModality = Literal["visual", "audio", "text", "voice", "motion"]
LookReason = Literal["found", "named"]
Decision = Literal["act", "review", "dismiss"]
Reason = Literal["early", "complete", "deadline", "late"]
State = Literal[
    "issued", "sent", "acknowledged", "removed", "reappeared", "withdrawn", "held",
    "approved", "refused", "escalated", "gone_before_notice",
]  # fmt: skip
StandingKind = Literal["confirmed", "withdrawn"]
RemovalKind = Literal["post_deleted", "account_gone", "account_back"]
DeploymentReason = Literal["promote", "rollback"]
RunKind = Literal["replay", "shadow"]
SignalKind = Literal["md5", "pdq"]
Fate = Literal["unprocessable", "transient", "bug"]
CaseKind = Literal[
    "filmed_without_consent", "shared_without_consent", "synthetic", "child_exploitation", "personal_data"
]
Law = Literal["US_TIDA", "EU_DSA16", "KR_TBA22_5", "UK_OSA", "PLATFORM_TOS"]
FilerRole = Literal["agent", "designated_body", "trusted_flagger", "victim"]
LabelDecision = Literal["copy", "other", "unsure", "escalate"]
DeliveryKind = Literal["approval", "attempt", "answer", "look", "reminder", "escalation"]
DeliveryOutcome = Literal[
    "approved", "delivered", "acknowledged", "refused", "failed", "dry_run", "present", "gone", "unknown", "due"
]

MODALITIES: tuple[Modality, ...] = ("visual", "audio", "text")
"""Modalities of every deployment; a choice of models names one for each."""
EVERY_MODALITY: tuple[Modality, ...] = (*MODALITIES, "voice")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all messages."""


def shared_fields(source: msgspec.Struct, kind: type[msgspec.Struct], without: Collection[str] = ()) -> dict[str, Any]:
    """Return the fields of a value that another kind of value has too, by name; neither copied nor checked."""
    names = set(source.__struct_fields__).intersection(kind.__struct_fields__).difference(without)
    return {name: getattr(source, name) for name in names}


class PostRef(Message, frozen=True, kw_only=True):
    post_id: str
    platform: str
    url: str
    author: str | None = None
    published_at: datetime
    seen_at: datetime


class Medium(Message, frozen=True, kw_only=True):
    url: str
    kind: str | None = None
    alt: str = ""


class Post(Message, frozen=True, kw_only=True):
    post_id: str
    platform: str
    url: str
    author: str | None = None
    published_at: datetime
    seen_at: datetime
    caption: str = ""
    tags: list[str] = []
    language: str | None = None
    media: list[Medium] = []
    notes: list[str] = []

    def ref(self) -> PostRef:
        """Return the identity of the post, which all its later records carry."""
        return PostRef(**shared_fields(self, PostRef))


class Parts(Message, frozen=True, kw_only=True):
    visual: int
    audio: int
    text: int
    voice: int = 0
    pending: bool = False


class Segment(Message, frozen=True, kw_only=True):
    post: PostRef
    parts: Parts
    segment: int
    medium: int
    start_s: float
    duration_s: float
    url: str = ""


class Matrix(Message, frozen=True, kw_only=True):
    dtype: str
    rows: int
    columns: int
    data: bytes


class Thumbnail(Message, frozen=True, kw_only=True):
    time_s: float
    jpeg: bytes


class Frame(Message, frozen=True, kw_only=True):
    time_s: float
    jpeg: bytes


class Coverage(Message, frozen=True, kw_only=True):
    track: int
    codec: str
    present_s: float
    decoded_s: float


class Frames(Message, frozen=True, kw_only=True):
    segment: Segment
    frames: list[Frame]
    thumbnails: list[Thumbnail] = []
    coverage: Coverage | None = None
    look: int = 0
    motion: Matrix | None = None
    gone: str = ""
    digests: list[bytes] = []


class Sounds(Message, frozen=True, kw_only=True):
    segment: Segment
    rate_hz: int
    pcm: bytes
    coverage: Coverage | None = None
    digests: list[bytes] = []
    lead_s: float = 0.0


class Text(Message, frozen=True, kw_only=True):
    source: str
    text: str
    time_s: float | None = None


class Texts(Message, frozen=True, kw_only=True):
    segment: Segment
    texts: list[Text]


class FrameHash(Message, frozen=True, kw_only=True):
    time_s: float
    hashes: bytes


class Descriptors(Message, frozen=True, kw_only=True):
    descriptor_id: str
    segment: Segment
    modality: Modality
    model: str
    version: str
    vectors: Matrix
    times_s: list[float]
    views: list[int] = []
    digests: list[bytes] = []
    thumbnails: list[Thumbnail] = []
    links: list[str] = []
    explicit: float | None = None
    look: int = 0
    motion: Matrix | None = None
    gone: str = ""
    pdq: list[FrameHash] = []
    landmarks: Matrix | None = None

    def thumbnail_at(self, time_s: float) -> bytes | None:
        """Return the sealed JPEG of the thumbnail nearest to a time, None without thumbnails."""
        return min(self.thumbnails, key=lambda each: abs(each.time_s - time_s)).jpeg if self.thumbnails else None


class WrittenRecord(Message, frozen=True, kw_only=True):
    topic: str
    partition: int
    offset: int
    digest: bytes


class Reusable(Message, frozen=True, kw_only=True):
    records: list[WrittenRecord]
    at: datetime


class Policy(Message, frozen=True, kw_only=True):
    act: float
    review: float
    version: str
    approve: bool = False
    four_eyes: bool = False
    review_only: bool = False


class Reference(Message, frozen=True, kw_only=True):
    reference_id: str
    segment: int
    modality: PieceModality
    model: str
    version: str
    start_s: float
    duration_s: float
    vectors: Matrix
    times_s: list[float]
    digests: list[bytes] = []
    landmarks: Matrix | None = None


class Case(Message, frozen=True, kw_only=True):
    case_id: str
    name: str
    opened_at: datetime
    policy: Policy | None = None
    reference: Reference | None = None
    benign: bool = False
    kind: CaseKind = "shared_without_consent"
    minor: bool = False
    authority: str = ""
    data_key: bytes = b""
    opened_by: str = ""


class ListEntry(Message, frozen=True, kw_only=True):
    origin: str
    kind: SignalKind
    value: bytes
    film: bool = True
    since: int = 0


class ListPart(Message, frozen=True, kw_only=True):
    list_id: str
    part: int
    entries: list[ListEntry]
    at: datetime


class Standing(Message, frozen=True, kw_only=True):
    case_id: str
    reference_id: str
    standing: StandingKind
    why: str
    by: str
    at: datetime
    account: str = ""
    references: list[str] = []


class Interval(Message, frozen=True, kw_only=True):
    start_s: float
    end_s: float


class Passage(Message, frozen=True, kw_only=True):
    query: Interval
    reference: Interval
    speed: float = 1.0
    score: float


class Match(Message, frozen=True, kw_only=True):
    case_id: str
    reference_id: str
    score: float
    query: Interval
    reference: Interval
    speed: float = 1.0
    terms: int = 0
    thumbnail: bytes | None = None
    passages: list[Passage] = []


class Scores(Message, frozen=True, kw_only=True):
    score_id: str
    segment: Segment
    modality: Modality
    model: str
    version: str
    late: bool = False
    matches: list[Match]
    links: list[str] = []
    explicit: float | None = None
    look: int = 0
    gone: str = ""


class Look(Message, frozen=True, kw_only=True):
    look_id: str
    segment: Segment
    number: int
    reason: LookReason
    asked_at: datetime


class Evidence(Message, frozen=True, kw_only=True):
    modality: Modality
    model: str
    version: str
    reference_id: str
    medium: int
    score: float
    probability: float
    query: Interval
    reference: Interval
    thumbnail: bytes | None = None
    terms: int = 0
    passages: list[Passage] = []


class Contribution(Message, frozen=True, kw_only=True):
    modality: Modality
    added: float
    why: str


class Verdict(Message, frozen=True, kw_only=True):
    verdict_id: str
    post: PostRef
    case_id: str | None = None
    probability: float
    decision: Decision
    reason: Reason
    act_at: float
    review_at: float
    policy_version: str
    evidence: list[Evidence] = []
    missing: list[Modality] = []
    decided_at: datetime
    contributions: list[Contribution] = []
    links: list[str] = []
    explicit: float | None = None


class Removal(Message, frozen=True, kw_only=True):
    removal_id: str
    platform: str
    kind: RemovalKind
    url: str | None = None
    author: str | None = None
    status: str = ""
    at: datetime
    seen_at: datetime


class Filer(Message, frozen=True, kw_only=True):
    body: str
    role: FilerRole
    email: str
    phone: str = ""
    address: str = ""
    authority: str = ""


class NoticeMatch(Message, frozen=True, kw_only=True):
    modality: Modality
    medium: int
    query: Interval
    reference: Interval
    reference_id: str
    probability: float
    model: str


class NoticeItem(Message, frozen=True, kw_only=True):
    takedown_id: str
    url: str
    native_ids: dict[str, str] = {}
    author: str | None = None
    content_types: list[str]
    published_at: datetime
    first_seen: datetime
    detected_at: datetime
    matches: list[NoticeMatch] = []
    probability: float
    act_at: float


class Notice(Message, frozen=True, kw_only=True):
    notice_id: str
    case_id: str
    kind: CaseKind
    laws: list[Law]
    filer: Filer
    signed_by: str
    signed_at: datetime
    platform: str
    items: list[NoticeItem]
    reasons: str
    codes: list[str] = []
    minor: bool = False
    synthetic: bool = False
    good_faith: str
    accuracy: str
    language: str
    automated_detection: bool = True
    confirmed_by: str | None = None
    attempt: int
    created_at: datetime
    due_at: datetime | None = None
    known_copies: list[str] = []


class Delivery(Message, frozen=True, kw_only=True):
    delivery_id: str
    takedown_id: str
    case_id: str
    kind: DeliveryKind
    outcome: DeliveryOutcome
    number: int
    at: datetime
    channel: str = ""
    address: str = ""
    status: int | None = None
    error: str = ""
    receipt: str = ""
    answer_hash: bytes | None = None
    detail: str = ""
    idempotency_key: str = ""
    by: str = ""
    why: str = ""
    due_at: datetime | None = None
    notice: Notice | None = None


class AppliedLabel(Message, frozen=True, kw_only=True):
    decision: LabelDecision
    reviewer: str
    at: datetime
    offset: int


class Takedown(Message, frozen=True, kw_only=True):
    event_id: str
    takedown_id: str
    state: State
    post: PostRef
    case_id: str
    verdict_id: str
    probability: float
    act_at: float
    policy_version: str
    evidence: list[Evidence] = []
    at: datetime
    previous: bytes = b""
    hash: bytes = b""
    removal: Removal | None = None
    links: list[str] = []
    held_for: list[str] = []
    minor: bool = False
    by: str = ""
    why: str = ""
    delivery: Delivery | None = None
    label: AppliedLabel | None = None
    sequence: int = 0
    key_id: str = ""
    signature: bytes = b""


class Label(Message, frozen=True, kw_only=True):
    post_id: str
    case_id: str
    decision: LabelDecision
    reviewer: str
    at: datetime
    note: str = ""
    verdict: Verdict | None = None


class Act(Message, frozen=True, kw_only=True):
    act_id: str
    act: str
    subject: str
    by: str
    why: str
    at: datetime
    detail: str = ""
    key_id: str = ""
    signature: bytes = b""


class Position(Message, frozen=True, kw_only=True):
    topic: str
    partition: int
    end: int
    digest: bytes


class Checkpoint(Message, frozen=True, kw_only=True):
    number: int
    at: datetime
    previous: bytes = b""
    positions: list[Position] = []
    key_id: str = ""
    signature: bytes = b""


class CaseSearch(Message, frozen=True, kw_only=True):
    case_id: str
    left: int
    of: int = 0


class Search(Message, frozen=True, kw_only=True):
    partition: int
    at: datetime
    reach: int
    left: int
    rate: float
    cases: list[CaseSearch]
    n_cases: int


class Cursor(Message, frozen=True, kw_only=True):
    feed: str
    position: str
    at: datetime


class Choice(Message, frozen=True, kw_only=True):
    visual: str
    audio: str
    text: str
    fusion: str
    policy: Policy | None = None


class RunComparison(Message, frozen=True, kw_only=True):
    against: str
    against_choice: Choice | None = None
    go: bool
    posts: int
    thresholds: str = ""
    finished_at: datetime
    at: datetime


class Deployment(Message, frozen=True, kw_only=True):
    deployment_id: str
    choice: Choice
    why: DeploymentReason
    run: str | None = None
    previous: str | None = None
    at: datetime
    comparison: RunComparison | None = None
    by: str = ""
    forced: str | None = None


class Run(Message, frozen=True, kw_only=True):
    run_id: str
    kind: RunKind
    source: str
    since: datetime | None = None
    until: datetime | None = None
    choice: Choice
    starts: dict[str, int]
    ends: dict[str, int] = {}
    share: float = 1.0
    code: str
    started_at: datetime
    finished_at: datetime | None = None
    records: dict[str, int] = {}
    seconds: dict[str, float] = {}
    dead_letters: int = 0
    comparison: RunComparison | None = None


class DeadLetter(Message, frozen=True, kw_only=True):
    dead_letter_id: str
    stage: str
    topic: str
    partition: int
    offset: int
    reason: str
    fate: Fate
    detail: str
    traceback: str | None = None
    key: bytes | None = None
    value: bytes | None = None
    headers: dict[str, bytes] = {}
    attempts: int = 1
    at: datetime
    redriven_at: datetime | None = None
