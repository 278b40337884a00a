"""`jikimi watch`: hits as they come."""

from collections.abc import Iterator
from datetime import datetime

import msgspec
from rich.console import Console

from streams.desk.hits.follower import following
from streams.desk.hits.hit import TOPICS_OF_HITS, Hit, Hits
from streams.desk.hits.lines import evidence_lines, print_line
from streams.desk.local_time import LocalTime
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings


def watch(settings: Settings, console: Console, case_id: str | None, since: datetime, *, json: bool) -> None:
    """Print hits from a time on, of one case or all, until interrupted.

    Raises
    ------
    UsageError
        At the start the broker does not answer, or has no such topics.
    """
    wait_for_broker(settings)
    hits, zone = Hits(case_id), LocalTime(settings)
    with following(settings, TOPICS_OF_HITS, since) as follower:
        for message in follower.messages():
            if (hit := hits.of(message)) is not None:
                _print(console, hit, None if json else zone)


def hit_lines(hit: Hit, zone: LocalTime) -> Iterator[str]:
    """Yield the lines of a hit: what and when, whole address, evidence or the person's reason."""
    probability = "" if hit.probability is None else f"  {hit.probability:.2f}"
    yield f"{zone.second(hit.at)}  {hit.what}  {hit.case_id}{probability}"
    if hit.post is not None:
        author = f" by {hit.post.author}" if hit.post.author else ""
        yield f"    {hit.post.url}{author}, posted {zone.second(hit.post.published_at)}"
    yield from (f"    {line}" for line in evidence_lines(hit.evidence))
    if hit.takedown_id:
        due = f", due {zone.second(hit.due_at)}" if hit.due_at is not None else ""
        yield f"    takedown {hit.takedown_id}{due}"
    if hit.by or hit.why:
        yield f"    {': '.join(filter(None, [hit.by, hit.why]))}"


def _print(console: Console, hit: Hit, zone: LocalTime | None) -> None:
    if zone is None:
        print(msgspec.json.encode(hit).decode(), flush=True)  # noqa: T201 - output of a command
        return
    for line in hit_lines(hit, zone):
        print_line(console, line)
