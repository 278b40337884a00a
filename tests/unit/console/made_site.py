"""A console over a store without a broker, and a browser for it."""

import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import httpx
import msgspec
import numpy as np

from schemas.codec import Codec
from schemas.matrix import pack
from schemas.messages import (
    Case,
    CaseSearch,
    Contribution,
    DeadLetter,
    Evidence,
    Interval,
    Label,
    Message,
    Passage,
    Post,
    PostRef,
    Reference,
    Search,
    Takedown,
    Verdict,
)
from streams.console.actions import Actions
from streams.console.app import create_app
from streams.console.decisions import Decisions
from streams.console.erasures import Erasures
from streams.console.guard import Guard
from streams.console.limits import Limits
from streams.console.link_checks import LinkChecks
from streams.console.live_figures import Figures, LiveFigures
from streams.console.login.login import Login
from streams.console.openings import Openings
from streams.console.render import Renderer
from streams.console.sessions import TEAM, Identity, Sessions
from streams.console.site import Site
from streams.console.store.checks import Check
from streams.console.store.store import Store
from streams.console.store.takedowns import Place
from streams.console.wellbeing import Wellbeing
from streams.desk.erasure.proof import Looked, Proof
from streams.desk.withdraw_case import write_proof
from streams.feeds.batch import FeedRecord
from streams.kafka.lag import StageLag
from streams.kafka.topic_reader import Update
from streams.rights.person import Person
from streams.rights.settings import ROLES, Role
from streams.settings import Settings, load_settings
from tests.unit.delivery.notices.made_notices import notice
from tests.unit.made_messages import POLICY, delivery, takedown, verdict

MINA = Identity(Person("account", frozenset(ROLES)), "mina")
JUNE = Identity(Person("june", frozenset(ROLES)), "june-7")
"""Two persons; the first is the one of a made site."""
HOST = "127.0.0.1:8082"
CODEC = Codec()
FOUR_EYES = msgspec.structs.replace(POLICY, four_eyes=True)
EVIL = '"><script>alert(1)</script>'
"""Text of a platform that would be a script in a page that does not escape it."""
WHY = "pictures match reference-1 for 23.0 s in 2 stretches, score 0.93"
"""Reason as fusion writes it."""
PICTURES = os.environ.get("JIKIMI_PICTURES", "")
"""Folder for pictures of the pages, for the documents; none by default. Their texts are plain."""
SUFFIX = "" if PICTURES else EVIL


class Clock:
    """Clock of a site that stands still until a test sets it."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class RecordedActions:
    """Acts that are only recorded."""

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []
        self.labels: list[Label] = []
        self.allowed: list[Label] = []
        self.posts: list[Post] = []
        self.by: list[Identity] = []

    def of(self, identity: Identity) -> Actions:
        """Return the acts of a person, which is recorded."""
        self.by.append(identity)
        return cast("Actions", self)

    async def label(self, label: Label) -> None:
        self.labels.append(label)

    async def allow(self, label: Label) -> None:
        self.allowed.append(label)

    async def approve(self, takedown_id: str, why: str) -> None:
        self.done.append(("approve", takedown_id, why))

    async def withdraw(self, case_id: str, why: str) -> int:
        self.done.append(("withdraw", case_id, why))
        return 3

    async def confirm_case(self, case_id: str, why: str) -> None:
        self.done.append(("confirm_case", case_id, why))

    async def confirm_reference(self, case_id: str, reference_id: str, why: str) -> None:
        self.done.append(("confirm", case_id, reference_id, why))

    async def withdraw_reference(self, case_id: str, reference_id: str, why: str) -> None:
        self.done.append(("withdraw_reference", case_id, reference_id, why))

    async def thumbnail(self, verdict: Verdict, number: int, _: list[Case]) -> bytes | None:
        self.done.append(("thumbnail", verdict.post.post_id, str(number)))
        return b"JPEG of the test" if number == 0 else None

    async def check_links(self, case_id: str, n_addresses: int) -> None:
        self.done.append(("check", case_id, str(n_addresses)))

    def write(self, records: Sequence[FeedRecord]) -> None:
        """Take the posts that the console writes for addresses."""
        self.posts += [one for one in records if isinstance(one, Post)]

    async def redrive(self, letter_id: str) -> str:
        self.done.append(("redrive", letter_id))
        return "1 records put back"

    @asynccontextmanager
    async def pack(self, case_id: str) -> AsyncIterator[Path]:
        self.done.append(("pack", case_id))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "pack.zip"
            file.write_bytes(b"PK")
            yield file


class FixedFigures:
    """Figures that no broker gave."""

    async def read(self) -> Figures:
        lag = {"decode": StageLag(3, datetime.now(UTC).timestamp() - 90), "fusion": StageLag()}
        return Figures(lag, 2.5, None, [("bluesky", datetime.now(UTC))])


class MadeStore(Store):
    """Store whose deliveries can be read again, as from their topic."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.deliveries: dict[Place, bytes | None] = {}

    def apply(self, topic: str, updates: Sequence[Update]) -> None:
        super().apply(topic, updates)
        if topic == "deliveries":
            self.deliveries |= {Place(one.partition, one.offset): one.value for one in updates}

    async def _delivery(self, place: Place) -> bytes | None:
        return self.deliveries.get(place)


async def nothing() -> None:
    """Return at once, as if what was written was read."""


def put(store: Store, topic: str, *messages: Message | tuple[str, Message | None]) -> None:
    """Apply messages to a store, as if they were read from their topic."""
    pairs = [one if isinstance(one, tuple) else ("key", one) for one in messages]
    updates = [
        Update(key.encode(), CODEC.encode(topic, one) if one is not None else None, 0, offset)
        for offset, (key, one) in enumerate(pairs)
    ]
    store.apply(topic, updates)


@contextmanager
def made_site(  # noqa: PLR0917 - one for each kind of test
    undo_s: float = 3600.0,
    folder: Path | None = None,
    openings: Openings | None = None,
    erasures: Erasures | None = None,
    roles: Collection[Role] = ROLES,
    login: Login | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[Site, RecordedActions]]:
    """Yield a site over an empty store, and the record of its acts."""
    keys = {"signing_key_file": folder / "key"} if folder is not None else {}
    settings, actions = load_settings(time_zone="Asia/Seoul", desk_folder=folder, audit=keys), RecordedActions()
    identity = MINA._replace(person=Person(MINA.person.name, frozenset(roles)))
    with closing(MadeStore(settings)) as store:
        site = Site(
            settings=settings,
            store=store,
            sessions=Sessions(None, TEAM, clock) if login else Sessions(identity, clock=clock),
            login=login,
            limits=Limits(clock=clock),
            renderer=Renderer(settings),
            acts=actions.of,
            decisions=Decisions(
                lambda label, by: actions.of(by).label(label), lambda label, by: actions.of(by).allow(label), undo_s
            ),
            figures=cast("LiveFigures", FixedFigures()),
            wellbeing=Wellbeing(settings.break_after_min * 60),
            openings=openings or Openings(settings, nothing),
            erasures=erasures or Erasures(settings),
            link_checks=LinkChecks(settings, store.checks, write=actions.write),
        )
        yield site, actions


@asynccontextmanager
async def browser(
    site: Site, *, signed_in: bool = True, language: str = "en", identity: Identity | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a browser of the site, which has opened the link, or of another person."""
    app = Guard(create_app(site), site.sessions, {HOST}, site.limits)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://{HOST}", headers={"accept-language": language}
    ) as client:
        if identity is not None:
            client.cookies.set(site.sessions.policy.cookie, site.sessions.open(identity), domain=HOST.partition(":")[0])
        elif signed_in:
            await client.get(f"/enter/{site.sessions.link}")
        yield client


def token(site: Site, identity: Identity | None = None) -> str:
    """Return the token of the forms of the one session, or of the person's one."""
    (session,) = (one for one in site.sessions._open.values() if identity in {None, one.identity})
    return session.csrf


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


def evidence(**changes: object) -> Evidence:
    """Return a match in two stretches, with a picture that no page may show."""
    first = Interval(start_s=2.0, end_s=14.0)
    second = Interval(start_s=20.0, end_s=31.0)
    third = Interval(start_s=34.0, end_s=45.0)
    fields: dict[str, object] = {
        "modality": "visual", "model": "m", "version": "1", "reference_id": "reference-1", "medium": 0, "score": 0.93,
        "probability": 0.81, "query": first, "reference": first, "thumbnail": b"\xff\xd8\xff\xe0JFIF",
        "passages": [
            Passage(query=first, reference=second, score=0.9, speed=1.25),
            Passage(query=second, reference=third, score=0.8),
        ],
    }  # fmt: skip
    return Evidence(**fields | changes)  # type: ignore[arg-type]


def post(post_id: str = "at://did:plc:x/app.bsky.feed.post/3k", **changes: object) -> PostRef:
    fields: dict[str, object] = {
        "post_id": post_id, "platform": "bluesky", "url": f"https://bsky.example/{post_id[-4:]}",
        "author": f"@dawn.example{SUFFIX}", "published_at": ago(days=2), "seen_at": ago(days=1),
    }  # fmt: skip
    return PostRef(**fields | changes)  # type: ignore[arg-type]


def waiting(
    post_id: str = "at://did:plc:x/app.bsky.feed.post/3k", case_id: str = "case-a", **changes: object
) -> Verdict:
    """Return a verdict on which a person has to decide."""
    fields: dict[str, object] = {
        "post": post(post_id), "case_id": case_id, "decision": "review", "decided_at": ago(hours=3),
        "probability": 0.81, "evidence": [evidence(), evidence(modality="text", terms=2, passages=[], probability=0.6)],
        "missing": ["audio"], "links": [f"https://t.example/{SUFFIX}", *([] if PICTURES else ["javascript:alert(1)"])],
        "contributions": [Contribution(modality="visual", added=2.0, why=WHY)],
    }  # fmt: skip
    return verdict(**fields | changes)


def case(case_id: str = "case-a", name: str = "violet", **changes: object) -> tuple[str, Case]:
    fields: dict[str, object] = {"case_id": case_id, "name": name, "opened_at": ago(days=9), "policy": POLICY}
    return case_id, Case(**fields | changes)  # type: ignore[arg-type]


def piece(case_id: str = "case-a", *, benign: bool = False) -> tuple[str, Case]:
    """Return the entry of a piece of a video."""
    reference = Reference(
        reference_id="reference-1", segment=0, modality="visual", model="m", version="1", start_s=0, duration_s=48,
        vectors=pack(np.ones((3, 4), np.float16)), times_s=[0.0, 1.0, 2.0],
    )  # fmt: skip
    entry = Case(case_id=case_id, name="violet", opened_at=ago(days=9), reference=reference, benign=benign)
    return f"{case_id}/reference-1/visual/0/m@1", entry


def found(number: int = 0, **changes: object) -> Takedown:
    """Return a takedown's event."""
    fields: dict[str, object] = {
        "takedown_id": f"takedown-{number}", "event_id": f"event-{number}", "post": post(f"post-{number}"),
        "evidence": [evidence()], "at": ago(hours=30),
    }  # fmt: skip
    return takedown(**fields | changes)


def letter(number: int = 0, **changes: object) -> DeadLetter:
    made = DeadLetter(
        dead_letter_id=f"letter-{number}", stage="decode", topic="posts", partition=0, offset=number,
        reason="media_decode", fate="unprocessable", detail=f"no sample can be read{SUFFIX}", key=b"k",
        value=b"v", at=ago(minutes=number),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def fill(store: Store) -> None:
    """Put a little of everything into a store."""
    put(store, "cases", case(opened_by="account"), case("case-m", "maple", minor=True), piece())
    put(store, "cases", case("case-w", "willow", policy=FOUR_EYES, opened_by="june"), piece("case-w"))
    put(store, "verdicts", waiting(), waiting("post-m", "case-m"))
    store.checks.add(
        [Check("case-a", f"https://video.example/{n}{SUFFIX}", ago(minutes=n), f"post-{n}") for n in range(9)]
    )
    put(store, "takedowns", found(), found(1, state="held", held_for=["reference-1"]), found(2, state="removed"))
    put(store, "takedowns", found(event_id="event-0-2", state="sent", at=ago(hours=29)))
    sent = delivery(
        delivery_id="sent", takedown_id="takedown-0", due_at=ago(hours=5), channel="mail", at=ago(hours=29),
        notice=notice(language="ko"),
    )  # fmt: skip
    put(store, "deliveries", sent)
    put(store, "dead-letters", *map(letter, range(3)))
    put(store, "searches", searched())


def searched(partition: int = 0, **changes: object) -> Search:
    """Return where the archive search of a partition is: one of the three rows of a case is left."""
    fields: dict[str, object] = {
        "partition": partition, "at": ago(minutes=1), "reach": 9, "left": 600, "rate": 2.0,
        "cases": [CaseSearch(case_id="case-a", left=1)], "n_cases": 1,
    }  # fmt: skip
    return Search(**fields | changes)  # type: ignore[arg-type]


def withdraw_two(site: Site) -> None:
    """Note two withdrawn cases: one whose erasure was interrupted, and one with a proof that something is left."""
    site.erasures.note("case-y", "aster", "account", "mina", "she asked for it")
    note = site.erasures.note("case-z", "zinnia", "account", "mina", "she asked for it")
    looked = Looked(topic="cases", fate="erased", records=12, n_bytes=900, before=4, entries=1, tombstones=4)
    proof = Proof(
        case_id="case-z", started_at=ago(minutes=2), bootstrap_servers="broker:9092", topic_prefix="", erased=4,
        refusals={"cases": "no right to alter it"}, looked=[looked, Looked(topic="labels", fate="kept", named=2)],
    )  # fmt: skip
    write_proof(proof, site.erasures.proof_file("case-z"))
    site.erasures.put(msgspec.structs.replace(note, ended_at=ago(minutes=1)))
