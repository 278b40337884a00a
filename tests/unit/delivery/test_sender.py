"""Notices of a takedown: what the sender puts into them."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.messages import AppliedLabel, LabelDecision, Notice, PostRef
from streams.cases.open_cases import OpenCases
from streams.delivery.channels.channel import Answer
from streams.delivery.looks.look import Finding
from streams.delivery.platforms.registry import Platform, Registry, load_registry
from streams.delivery.posts_looked_at import PostLooks
from streams.delivery.progress import Progress
from streams.delivery.sender import NoticeSender
from streams.settings import load_settings
from tests.unit.delivery.notices.made_notices import case, filer
from tests.unit.made_messages import NOW, takedown


def sender() -> NoticeSender:
    cases = cast("OpenCases", SimpleNamespace(case=lambda _: case()))
    return NoticeSender(load_settings(filer=filer()), cases, load_registry(None))


def progress(**changes: Any) -> Progress:
    fields: dict[str, Any] = {"state": "issued", "case_id": "case-a", "platform": "other", "since": NOW.timestamp()}
    return Progress(**fields | {"dry": True} | changes)


async def test_a_repeated_notice_names_the_time_of_the_first_event() -> None:
    later = takedown(state="acknowledged", at=NOW + timedelta(days=2))
    detected = progress(detected_at=NOW.timestamp(), since=later.at.timestamp())
    sent = await sender().send(later, detected, "key", later.at.timestamp())
    assert sent.notice is not None
    assert sent.notice.items[0].detected_at == NOW


@pytest.mark.parametrize(
    ("label", "approved_by", "confirmed_by"),
    [(None, "", None), ("other", "", None), ("copy", "", "kim"), ("copy", "officer-2", "officer-2")],
)
async def test_a_notice_says_that_a_person_has_confirmed_the_copy(
    label: LabelDecision | None, approved_by: str, confirmed_by: str | None
) -> None:
    applied = AppliedLabel(decision=label, reviewer="kim", at=NOW, offset=0) if label is not None else None
    sent = await sender().send(takedown(label=applied), progress(approved_by=approved_by), "key", NOW.timestamp())
    assert sent.notice is not None
    assert sent.notice.confirmed_by == confirmed_by


class Broken:
    """A channel and a look with a bug."""

    async def send(self, notice: Notice, key: str) -> Answer:
        raise ValueError(f"{notice.notice_id} {key}")

    async def look(self, post: PostRef, before: str = "") -> Finding:
        raise ValueError(f"{post.url} {before}")

    async def close(self) -> None: ...


def registry() -> Registry:
    webhook = {"kind": "webhook", "url": "https://platform.example/notices", "secret": "platform"}
    return Registry({"other": Platform.model_validate({"title": "other", "channels": [webhook]})})


async def test_a_bug_in_a_channel_fails_one_notice_and_not_the_worker() -> None:
    cases = cast("OpenCases", SimpleNamespace(case=lambda _: case()))
    broken = NoticeSender(load_settings(filer=filer()), cases, registry())
    broken._channels["other", 0] = Broken()
    sent = await broken.send(takedown(), progress(dry=False), "key", NOW.timestamp())
    assert sent.notice is not None
    assert sent.answer == Answer("failed", error="bug")


async def test_a_bug_in_a_look_proves_nothing_and_does_not_stop_the_worker() -> None:
    looks = PostLooks(load_settings(), registry())
    looks._looks["web"] = Broken()
    assert await looks.look(takedown(), progress()) == Finding("unknown", "web", error="bug")
