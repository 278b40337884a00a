"""`jikimi label POST CASE other --allow`: a post that is no copy becomes an allow-list."""

import asyncio
from typing import TYPE_CHECKING

from streams.commands.hints import hint
from streams.commands.opening import open_and_note
from streams.rights.check import require
from streams.rights.person import current_person
from streams.settings import Settings

if TYPE_CHECKING:
    from schemas.messages import Post


def allow_post(settings: Settings, post_id: str, case_id: str, why: str) -> str:
    """Fetch the media of a post, allow them as `jikimi case allow` does, and return the allow-list's id.

    Raises
    ------
    UsageError
        The person may open no allow-list, the post may not be allowed, or its media cannot be fetched or described.
    """
    from streams.desk.allowed_post import allowable_post  # noqa: PLC0415 - only this command needs it

    require(current_person(settings), "allow")
    post = allowable_post(settings, post_id, case_id)
    allowed = asyncio.run(_allow(settings, post, why or f"label other on {case_id}"))
    hint(f"to allow them no longer: `jikimi case withdraw {allowed}`")
    return allowed


async def _allow(settings: Settings, post: "Post", why: str) -> str:
    from streams.desk.allowed_post import fetched_media  # noqa: PLC0415 - likewise
    from streams.desk.open_case import NewCase  # noqa: PLC0415 - likewise

    async with fetched_media(settings, post) as files:
        new = NewCase(f"not a copy: {post.post_id}"[:100], files, benign=True, why=why)
        return await asyncio.to_thread(open_and_note, settings, new, yes=False)  # it runs a loop of its own
