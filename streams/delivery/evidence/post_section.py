"""Section about one post: where it was, what agrees, what was done."""

from collections.abc import Iterator

from schemas.messages import Takedown
from streams.delivery.evidence.agreement import agreement
from streams.delivery.evidence.blocks import Block, Fields, Heading, NewPage, address
from streams.delivery.evidence.context import Context
from streams.delivery.evidence.history import TakedownHistory
from streams.delivery.evidence.steps import escalations, events, fingerprints, looks, notices
from streams.delivery.notices.items import native_ids

_MAX_LINKS = 20


def anchor(number: int) -> str:
    """Return the name of a post's place in the documents."""
    return f"post-{number}"


def post_section(context: Context, takedown: TakedownHistory) -> Iterator[Block]:
    """Yield the section about one takedown's post."""
    all_events = takedown.decoded()
    last = all_events[-1]
    title = context.words("post", number=takedown.number)
    yield NewPage()
    yield Heading(title, 2, anchor(takedown.number), context.words(f"state_{last.state}"))
    yield Heading(context.words("where"), 3)
    yield _where(context, all_events[0], last)
    yield from agreement(context, next((event for event in reversed(all_events) if event.evidence), last))
    yield from events(context, takedown)
    yield from notices(context, takedown)
    yield from looks(context, takedown)
    yield from escalations(context, takedown, last)
    yield from fingerprints(context, takedown)


def _where(context: Context, first: Takedown, last: Takedown) -> Fields:
    words, clock, post = context.words, context.clock, last.post
    ids = native_ids(post)
    fields = [
        (words("address"), (address(post.url),)),
        (words("platform"), (f"{context.source.platform(post).title} ({post.platform})",)),
        (words("account"), (post.author or words("account_none"),)),
        (words("native_ids"), tuple(f"{name}: {value}" for name, value in ids.items()) or ("-",)),
        (words("published"), clock.lines(post.published_at)),
        (words("first_seen"), clock.lines(post.seen_at)),
        (words("detected"), clock.lines(first.at)),
        (words("post_id"), (post.post_id,)),
        (words("takedown_id"), (last.takedown_id,)),
    ]
    if last.links:
        fields.append((words("links_shown"), tuple(last.links[:_MAX_LINKS])))
    return Fields(fields)
