"""Writing what a feed yields: posts to the posts topic, what is no post to the dead letters."""

from collections.abc import AsyncIterator

from rich.console import Console

from schemas.messages import DeadLetter, Post
from streams.produce import TopicWriter, writing
from streams.settings import Settings


async def run_feed(settings: Settings, entries: AsyncIterator[Post | DeadLetter], console: Console) -> None:
    """Write every entry until the feed ends; everything written is delivered when this returns.

    Raises
    ------
    UsageError
        The broker did not take a record.
    """
    n_posts = n_refused = 0
    with writing(settings) as writer:
        async for entry in entries:
            _write(writer, entry)
            n_posts += isinstance(entry, Post)
            n_refused += isinstance(entry, DeadLetter)
    console.print(f"{n_posts} posts, {n_refused} refused")


def _write(writer: TopicWriter, entry: Post | DeadLetter) -> None:
    if isinstance(entry, Post):
        writer.write("posts", entry.post_id, entry)
    else:
        writer.write("dead-letters", entry.dead_letter_id, entry)
    # Fed one by one, as they come: a follower should not wait for the next file.
    writer.flush()
