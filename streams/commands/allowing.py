"""`jikimi label POST CASE other --allow`: a post that is not a copy becomes an allow-list."""

from functools import partial

from streams.commands.hints import hint
from streams.commands.opening import open_and_note
from streams.rights.check import require
from streams.rights.person import current_person
from streams.settings import Settings


def allow_post(settings: Settings, post_id: str, case_id: str, why: str) -> str:
    """Fetch the media of a post, allow them as `jikimi case allow` does, and return the allow-list's id.

    Raises
    ------
    UsageError
        The person may open no allow-list, the post may not be allowed, or its media cannot be fetched or described.
    """
    from streams.desk.allowed_post import allow_media  # noqa: PLC0415 - only this command needs it

    require(current_person(settings), "allow")
    allowed = allow_media(settings, post_id, case_id, why, partial(open_and_note, settings, yes=False))
    hint(f"to allow them no longer: `jikimi case withdraw {allowed}`")
    return allowed
