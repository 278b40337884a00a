"""Notices of a takedown: what the sender puts into them."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.messages import AppliedLabel, LabelDecision
from streams.cases.open_cases import OpenCases
from streams.delivery.plan import Progress
from streams.delivery.platforms.registry import load_registry
from streams.delivery.sender import NoticeSender
from streams.settings import load_settings
from tests.unit.delivery.notices.made_notices import case, filer
from tests.unit.made_messages import NOW, takedown


@pytest.mark.parametrize(
    ("label", "approved_by", "confirmed_by"),
    [(None, "", None), ("other", "", None), ("copy", "", "kim"), ("copy", "officer-2", "officer-2")],
)
async def test_a_notice_says_that_a_person_has_confirmed_the_copy(
    label: LabelDecision | None, approved_by: str, confirmed_by: str | None
) -> None:
    cases = cast("OpenCases", SimpleNamespace(case=lambda _: case()))
    sender = NoticeSender(load_settings(filer=filer()), cases, load_registry(None))
    fields: dict[str, Any] = {"state": "issued", "case_id": "case-a", "platform": "other", "since": NOW.timestamp()}
    applied = AppliedLabel(decision=label, reviewer="kim", at=NOW, offset=0) if label is not None else None
    progress = Progress(**fields, dry=True, approved_by=approved_by)
    sent = await sender.send(takedown(label=applied), progress, "key", NOW.timestamp())
    assert sent.notice is not None
    assert sent.notice.confirmed_by == confirmed_by
