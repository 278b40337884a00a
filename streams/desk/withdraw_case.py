"""`jikimi case withdraw`: erasure of every entry of a case."""

import asyncio
from collections.abc import Iterable

from streams.cases.entries import read_keys
from streams.cases.erasure import erase_entries
from streams.cases.reference_reviews import TOPIC as REVIEWS
from streams.cases.reference_reviews import read_reviews
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.settings import Settings


def withdraw_case(settings: Settings, case_id: str) -> int:
    """Erase every entry of a case and return their number; matchers drop it and pending takedowns are withdrawn.

    Raises
    ------
    UsageError
        There is no such case.
    """
    keys = _of_case(case_id, asyncio.run(read_keys(settings)))
    if not keys:
        raise UsageError(f"no case {case_id}: `jikimi case list` shows the open ones")
    keys.sort(reverse=True)  # the policy, whose key is the shortest, last: after a crash the command can be repeated
    reviews = _of_case(case_id, asyncio.run(read_reviews(settings)))
    with writing(settings) as writer:
        erase_entries(settings, writer, keys)
        for key in reviews:
            writer.write(REVIEWS, key, None)
    return len(keys)


def _of_case(case_id: str, keys: Iterable[str]) -> list[str]:
    return [key for key in keys if key.split("/", 1)[0] == case_id]
