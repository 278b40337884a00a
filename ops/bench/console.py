"""Speed of the console: records applied a second from their bytes, memory, and the server's time for each page."""

import argparse
import asyncio
import gc
import resource
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import batched
from statistics import quantiles
from typing import Any, NamedTuple, cast

import httpx

from schemas.codec import Codec
from schemas.messages import (
    Case,
    Delivery,
    DeliveryKind,
    Evidence,
    Interval,
    Label,
    Message,
    Passage,
    Policy,
    PostRef,
    State,
    Takedown,
    Verdict,
)
from streams.console.app import create_app
from streams.console.decisions import Decisions
from streams.console.erasures import Erasures
from streams.console.guard import Guard
from streams.console.limits import Limits
from streams.console.link_checks import LinkChecks
from streams.console.live_figures import LiveFigures
from streams.console.openings import Openings
from streams.console.render import Renderer
from streams.console.sessions import Identity, Sessions
from streams.console.site import Site
from streams.console.store.store import Store
from streams.kafka.topic_reader import Update
from streams.rights.person import Person
from streams.rights.settings import ROLES
from streams.settings import Settings, load_settings

CASES, BATCH, REPEATS = 500, 500, 40
APART = 1_000
"""Takedowns between two events of one: they are seldom in one batch."""
PAGES = (
    "/", "/cases/case-7", "/reviews", "/takedowns", "/takedowns?state=sent&platform=mastodon", "/takedowns?overdue=1",
    "/takedowns/takedown-7", "/dead-letters",
)  # fmt: skip
STATES: tuple[State, ...] = ("issued", "sent", "acknowledged", "removed")
KINDS: tuple[DeliveryKind, ...] = ("attempt", "answer", "look", "look")
POLICY = Policy(act=0.95, review=0.5, version="1")


def post(number: int, now: datetime) -> PostRef:
    """Return one of a million posts by a hundred thousand accounts on three platforms."""
    return PostRef(
        post_id=f"post-{number}",
        platform=("bluesky", "mastodon", "video.example")[number % 3],
        url=f"https://video.example/@account-{number % 99_991}/{number}",
        author=f"account-{number % 99_991}",
        published_at=now - timedelta(minutes=number % 9_000),
        seen_at=now - timedelta(minutes=number % 9_000),
    )


def evidence(number: int) -> list[Evidence]:
    """Return what most copies have: a picture and a sound that match in one passage."""
    span = Interval(start_s=float(number % 600), end_s=float(number % 600 + 25))
    passage = Passage(query=span, reference=span, score=0.93)
    return [
        Evidence(
            modality=modality,
            model="model",
            version="1",
            reference_id=f"reference-{number % 3}",
            medium=0,
            score=0.93,
            probability=0.97,
            query=span,
            reference=span,
            passages=[passage],
        )
        for modality in ("visual", "audio")
    ]


def records(takedowns: int, reviews: int) -> Iterator[tuple[str, str, Message]]:
    """Yield topic, key and message: cases, takedowns with four events and four steps each, reviews, labels."""
    now = datetime.now(UTC)
    for number in range(CASES):
        case_id = f"case-{number}"
        case = Case(case_id=case_id, name=f"pseudonym {number}", opened_at=now, policy=POLICY, minor=number % 20 == 0)
        yield "cases", case_id, case
    for number in range(takedowns + 3 * APART):
        for place in range(4):
            if 0 <= (one := number - place * APART) < takedowns:
                yield from life(one, place, now)
    for number in range(takedowns, takedowns + reviews):
        yield "verdicts", "", verdict(number, now, "review")
        for other in range(9):  # of ten verdicts one is to review
            yield "verdicts", "", verdict(number * 10 + other, now, "dismiss")
        label = Label(post_id=f"post-{number - 1}", case_id="case-0", decision="unsure", reviewer="r", at=now)
        yield "labels", "", label


def life(number: int, place: int, now: datetime) -> Iterator[tuple[str, str, Message]]:
    """Yield the event and the step at one place of the life of a takedown; a fifth are pending."""
    case_id, at = f"case-{number % CASES}", now - timedelta(hours=number % 150, minutes=-place)
    states = STATES[: 2 + number % 5 if number % 5 < 2 else 4]  # noqa: PLR2004 - two to four events
    if place < len(states):
        event = Takedown(
            event_id=f"event-{number}-{place}",
            takedown_id=f"takedown-{number}",
            state=states[place],
            post=post(number, now),
            case_id=case_id,
            verdict_id="v",
            probability=0.97,
            act_at=0.95,
            policy_version="1",
            evidence=evidence(number),
            at=at,
            minor=number % CASES % 20 == 0,
            hash=b"h" * 32,
            previous=b"h" * 32,
        )
        yield "takedowns", event.takedown_id, event
    due = now + timedelta(hours=number % 97 - 48) if place == 0 else None
    step = Delivery(
        delivery_id=f"step-{number}-{place}",
        takedown_id=f"takedown-{number}",
        case_id=case_id,
        kind=KINDS[place],
        outcome="delivered",
        number=1,
        at=at,
        due_at=due,
        channel="mail",
    )
    yield "deliveries", step.takedown_id, step


def verdict(number: int, now: datetime, decision: str) -> Verdict:
    """Return a verdict; one that dismisses has no case and no evidence."""
    waits = decision == "review"
    return Verdict(
        verdict_id=f"verdict-{number}",
        post=post(number, now),
        case_id=f"case-{number % CASES}" if waits else None,
        probability=0.8 if waits else 0.01,
        decision=decision,  # type: ignore[arg-type]
        reason="complete",
        act_at=0.95,
        review_at=0.5,
        policy_version="1",
        evidence=evidence(number) if waits else [],
        decided_at=now - timedelta(minutes=number % 9_000),
    )


def fill(store: Store, takedowns: int, reviews: int) -> tuple[int, float, float]:
    """Apply all records and serve; return their number, and the wall and processor time of that, s."""
    codec, n, wall_s, cpu_s = Codec(), 0, 0.0, 0.0
    by_topic: dict[str, list[Update]] = {}
    for batch in batched(records(takedowns, reviews), 10 * BATCH):
        for topic, key, message in batch:
            updates = by_topic.setdefault(topic, [])
            updates.append(Update(key.encode(), codec.encode(topic, message), 0, 0))
        wall, cpu = time.perf_counter(), time.process_time()
        for topic, updates in by_topic.items():
            for part in batched(updates, BATCH):
                store.apply(topic, part)
        wall_s, cpu_s, n = wall_s + time.perf_counter() - wall, cpu_s + time.process_time() - cpu, n + len(batch)
        by_topic.clear()
    wall, cpu = time.perf_counter(), time.process_time()
    store.filled()
    return n, wall_s + time.perf_counter() - wall, cpu_s + time.process_time() - cpu


class PageTime(NamedTuple):
    """One page: 95th percentiles of the server's time, and size."""

    wall_ms: float
    cpu_ms: float
    n_bytes: int


async def page_times(settings: Settings, store: Store) -> dict[str, PageTime]:
    """Return the time and size of each page."""
    bench = Identity(Person("bench", frozenset(ROLES)), "bench")
    site = Site(
        settings=settings,
        store=store,
        sessions=Sessions(bench),
        renderer=Renderer(settings),
        acts=cast("Any", None),
        decisions=Decisions(cast("Any", None), cast("Any", None)),
        figures=LiveFigures(settings),
        openings=Openings(settings, cast("Any", None)),
        erasures=Erasures(settings),
        link_checks=LinkChecks(settings, store.checks),
    )
    transport = httpx.ASGITransport(app=Guard(create_app(site), site.sessions, {"bench"}, Limits(per_session=10**9)))  # type: ignore[arg-type]
    found = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
        await client.get(f"/enter/{site.sessions.link}")
        job = (await client.get("/reviews/next")).headers["location"]
        for path in (*PAGES, job):
            walls, cpus, size = [], [], 0
            for _ in range(REPEATS):
                wall, cpu = time.perf_counter(), time.process_time()
                size = len((await client.get(path)).raise_for_status().content)
                walls.append(1000 * (time.perf_counter() - wall))
                cpus.append(1000 * (time.process_time() - cpu))
            found[path.partition("?post")[0]] = PageTime(quantiles(walls, n=20)[-1], quantiles(cpus, n=20)[-1], size)
    return found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takedowns", type=int, default=100_000)
    parser.add_argument("--reviews", type=int, default=10_000)
    chosen = parser.parse_args()
    gc.freeze()  # as the command does
    with closing(Store(load_settings(), is_filled=False)) as store:
        n, wall_s, cpu_s = fill(store, chosen.takedowns, chosen.reviews)
        memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rates = f"{n / wall_s:.0f} a second, {n / cpu_s:.0f} a second of processor"
        print(f"{n} records: {rates}, {memory_mib:.0f} MiB")  # noqa: T201
        for path, found in asyncio.run(page_times(load_settings(), store)).items():
            times = f"p95 {found.wall_ms:6.1f} ms, {found.cpu_ms:6.1f} ms of processor"
            print(f"{times}  {found.n_bytes / 1000:6.1f} kB  {path}")  # noqa: T201


if __name__ == "__main__":
    main()
