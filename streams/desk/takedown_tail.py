"""`jikimi takedown tail`: events of takedowns as they come."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
from rich.console import Console

from schemas.messages import Message, Takedown
from streams.desk.hits.follower import following
from streams.desk.hits.lines import print_line
from streams.desk.local_time import LocalTime
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings


def tail(settings: Settings, console: Console, case_id: str | None, since: datetime, *, json: bool) -> None:
    """Print the events of takedowns from a time on, of one case or all, until interrupted.

    Raises
    ------
    UsageError
        The broker does not answer at the start, or has no such topic.
    """
    wait_for_broker(settings)
    zone = LocalTime(settings)
    with following(settings, ["takedowns"], since) as follower:
        for event in events_of(follower.messages(), case_id):
            if json:
                print(json_line(event), flush=True)  # noqa: T201 - output of a command
            else:
                print_line(console, line(event, zone))


def events_of(messages: Iterable[Message], case_id: str | None) -> Iterator[Takedown]:
    """Yield the events of takedowns of a case; of all cases for None."""
    for message in messages:
        if isinstance(message, Takedown) and case_id in {None, message.case_id}:
            yield message


def json_line(event: Takedown) -> str:
    """Return an event with all its fields in JSON, bytes in base64; without thumbnails, which are sealed."""
    evidence = [msgspec.structs.replace(one, thumbnail=None) for one in event.evidence]
    return msgspec.json.encode(msgspec.structs.replace(event, evidence=evidence)).decode()


def line(event: Takedown, zone: LocalTime) -> str:
    """Return an event as a line for a person: when, state, takedown, case and address."""
    return f"{zone.second(event.at)}  {event.state:18}  {event.takedown_id}  {event.case_id}  {event.post.url}"
