"""`jikimi label`: a person's decision on a post and a case, for the evaluation of models."""

import asyncio

from schemas.messages import Label
from streams.cases.entries import read_case
from streams.kafka.producer import writing
from streams.settings import Settings


def label_key(post_id: str, case_id: str) -> str:
    """Return the key of a label; a later label of the same post and case replaces it."""
    return f"{post_id}/{case_id}"


def write_label(settings: Settings, label: Label) -> None:
    """Write a label.

    Raises
    ------
    UsageError
        There is no such case.
    """
    asyncio.run(read_case(settings, label.case_id))
    with writing(settings) as writer:
        writer.write("labels", label_key(label.post_id, label.case_id), label)
