"""Media of a post that is not a copy, fetched for the allow-list."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from schemas.messages import Message, Post, Takedown, Verdict
from streams.cases.labels import retained_values
from streams.decode import captions
from streams.decode.fetch.fetcher import Fetcher
from streams.desk.new_case import NewCase
from streams.errors import RecordError, UsageError
from streams.kafka.clients import create_codec
from streams.kafka.messages import read_messages
from streams.settings import Settings


def allow_media[T](settings: Settings, post_id: str, case_id: str, why: str, open_one: Callable[[NewCase], T]) -> T:
    """Fetch the media of a post that is not a copy, and open an allow-list of them; return the result of `open_one`.

    Raises
    ------
    UsageError
        The post may not be allowed, or its media cannot be fetched or described.
    """
    post = allowable_post(settings, post_id, case_id)

    async def allow() -> T:
        async with fetched_media(settings, post) as files:
            name, reason = f"not a copy: {post_id}"[:100], why or f"label other on {case_id}"
            new = NewCase(name, files, benign=True, why=reason)
            return await asyncio.to_thread(open_one, new)  # it runs a loop of its own

    return asyncio.run(allow())


def allowable_post(settings: Settings, post_id: str, case_id: str) -> Post:
    """Return a post whose media may be allowed because it is not a copy of a case.

    Raises
    ------
    UsageError
        The topic no longer has it, it has no media, or it is found in another case: what is allowed is found in none.
    """
    codec = create_codec(settings)
    posts = [codec.decode("posts", value) for value in retained_values(settings, "posts", post_id)]
    if not posts or not isinstance(posts[-1], Post) or not posts[-1].media:
        raise UsageError(f"{post_id} has no media in the retained posts: save a file and use `jikimi case allow`")
    verdicts = [codec.decode("verdicts", value) for value in retained_values(settings, "verdicts", post_id)]
    takedowns = asyncio.run(read_messages(settings, "takedowns", Takedown, post_id))
    if others := found_elsewhere([*verdicts, *takedowns], post_id, case_id):
        raise UsageError(
            f"{post_id} is found in {', '.join(others)} too, which would miss it from then on: nothing is allowed"
        )
    return posts[-1]


def found_elsewhere(messages: Iterable[Message], post_id: str, case_id: str) -> list[str]:
    """Return the other cases in which a post is found: by a verdict to act or review, or a takedown in force."""
    found: dict[str | None, bool] = {}
    for one in messages:
        if isinstance(one, Verdict) and one.post.post_id == post_id:
            found[one.case_id] = one.decision in {"act", "review"}
        elif isinstance(one, Takedown) and one.post.post_id == post_id:
            found[one.case_id] = found.get(one.case_id, False) or one.state != "withdrawn"
    return sorted(case for case, is_found in found.items() if is_found and case not in {None, case_id})


@asynccontextmanager
async def fetched_media(settings: Settings, post: Post) -> AsyncIterator[Sequence[Path]]:
    """Yield the fetched media of a post, without a name in any folder, until exit.

    Raises
    ------
    UsageError
        One cannot be fetched: none is allowed then.
    """
    wanted = [one.url for one in post.media[: settings.media.max_media] if one.kind != captions.KIND]
    async with Fetcher(settings.media) as fetcher, AsyncExitStack() as files:
        try:
            yield [await files.enter_async_context(fetcher.fetch(url)) for url in wanted]
        except RecordError as error:
            raise UsageError(f"a medium of {post.post_id} cannot be fetched: {error.detail}") from error
