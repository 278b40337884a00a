"""What a platform is shown of the log of takedowns: its own requests, and their ends."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.messages import Takedown
from streams.delivery.clocks import due_at
from streams.delivery.platforms.registry import Registry

CURSOR = r"^t[0-9]{1,18}$"
MAX_TAKEDOWNS = 500

type ReadState = Literal["requested", "removed", "withdrawn"]


class ReadMatch(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of a medium of the post that match."""

    medium: Annotated[int, Meta(description="Number of the medium in the post, from 0.")]
    start_s: Annotated[float, Meta(description="Where the match starts, seconds.")]
    end_s: Annotated[float, Meta(description="Where it ends, seconds.")]


class ReadPost(msgspec.Struct, frozen=True, kw_only=True):
    """The post that is to be removed."""

    url: Annotated[str, Meta(description="Its address.")]
    post_id: Annotated[str, Meta(description="Its id: the `post_id` under which it was submitted, if it had one.")]
    author: Annotated[str | None, Meta(description="The account, if it is known.")]
    published_at: Annotated[datetime, Meta(description="When it was published.")]
    matches: Annotated[list[ReadMatch], Meta(description="The seconds that match; none if its words alone do.")]


class ReadTakedown(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a takedown."""

    takedown_id: Annotated[str, Meta(description="The same in all events of the takedown.")]
    state: Annotated[
        ReadState,
        Meta(
            description="requested: remove the post. removed: it is found to be gone. withdrawn: the request is taken "
            "back, restore the post. The last event of a takedown counts."
        ),
    ]
    at: Annotated[datetime, Meta(description="Time of the event.")]
    due_at: Annotated[datetime | None, Meta(description="Until when the removal is expected; of a request.")]
    post: Annotated[ReadPost | None, Meta(description="Of a request; null in the events after it.")]


class TakedownPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some events, oldest first."""

    takedowns: Annotated[list[ReadTakedown], Meta(description="The platform's own; none does not mean the end.")]
    next: Annotated[str, Meta(description="Cursor: the `after` of the next request.")]
    more: Annotated[bool, Meta(description="Whether there is more now; otherwise ask again after a while.")]


def cursor_of(offset: int) -> str:
    """Return the cursor of an offset."""
    return f"t{offset}"


def offset_of(cursor: str | None) -> int:
    """Return the offset of a cursor of the form `CURSOR`, 0 for none."""
    return int(cursor[1:]) if cursor is not None else 0


def shown(event: Takedown, registry: Registry, platform: str) -> ReadTakedown | None:
    """Return what a platform is shown of an event; None for another's, and for what is not requested from it (yet).

    A takedown is requested when its notice is sent: not while it is held or waits for a person's approval, and in a
    dry run never. The ends of takedowns have no post: one that was never requested is not disclosed by its end.
    """
    name, entry = registry.find(event.post)
    if name != platform:
        return None
    if _is_request(event):
        due = due_at(entry.laws, event.at)
        return ReadTakedown(
            takedown_id=event.takedown_id, state="requested", at=event.at, due_at=due, post=_post_of(event)
        )
    if event.state not in {"removed", "withdrawn"}:
        return None
    state: ReadState = "removed" if event.state == "removed" else "withdrawn"
    return ReadTakedown(takedown_id=event.takedown_id, state=state, at=event.at, due_at=None, post=None)


def _is_request(event: Takedown) -> bool:
    """Return whether the event is a notice that was sent, or the turn to a further channel.

    A channel's receipt acknowledges at once; the platform's own answer is no further request.
    """
    was_sent = event.delivery is not None and event.delivery.kind == "attempt"
    return event.state in {"sent", "escalated"} or (event.state == "acknowledged" and was_sent)


def _post_of(event: Takedown) -> ReadPost:
    spans = {(e.medium, e.query.start_s, e.query.end_s) for e in event.evidence if e.medium >= 0}
    return ReadPost(
        url=event.post.url,
        post_id=event.post.post_id,
        author=event.post.author,
        published_at=event.post.published_at,
        matches=[ReadMatch(medium=medium, start_s=start, end_s=end) for medium, start, end in sorted(spans)],
    )
