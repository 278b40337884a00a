"""Verdicts on which a person has to decide: the last of a post and case is a review that no label decides."""

import asyncio

from schemas.messages import Takedown, Verdict
from streams.cases.labels import DECIDING, label_key, recent_labels
from streams.kafka.messages import each_message
from streams.settings import Settings


async def read_waiting(settings: Settings, case_id: str = "") -> dict[str, Verdict]:
    """Return the verdicts that wait for a person, as far as their topic retains them, by `label_key`.

    It reads every retained verdict; those of other cases are not decoded if one case is given. Remove those that a
    takedown serves by `acted_on`.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    last: dict[str, Verdict] = {}

    def apply(verdict: Verdict) -> None:
        if verdict.case_id is None or case_id not in ("", verdict.case_id):
            return
        key = label_key(verdict.post.post_id, verdict.case_id)
        if verdict.decision == "review":
            last[key] = verdict
        else:
            last.pop(key, None)

    await each_message(settings, "verdicts", Verdict, apply, case_id)
    for key in await _decided(settings, case_id) if last else ():
        last.pop(key, None)
    return last


def acted_on(waiting: dict[str, Verdict], event: Takedown) -> None:
    """Remove the verdict on a post for which there is a takedown."""
    waiting.pop(label_key(event.post.post_id, event.case_id), None)


async def _decided(settings: Settings, case_id: str) -> set[str]:
    """Return the keys of the labels that decide; after any other a person still has to."""
    labels = await asyncio.to_thread(recent_labels, settings, case_id)
    return {label_key(label.post_id, label.case_id) for label in labels if label.decision in DECIDING}
