"""`jikimi notice`: the notice that was sent, else a draft; a bundle of what is pending."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.messages import Case, Delivery, Takedown
from streams.commands import notice as command
from streams.delivery.notices.write import NoticeError
from streams.desk import notices
from streams.desk.notices import bundle, takedown_notice
from streams.errors import UsageError
from streams.settings import Settings, load_settings
from tests.unit.delivery.notices.made_notices import BODY, EMAIL, made_takedown, notice, post, text_evidence
from tests.unit.made_messages import NOW, POLICY

type Given = Callable[..., Settings]


def case(case_id: str = "case-a", **changes: Any) -> Case:
    return Case(case_id=case_id, name="pseudonym", opened_at=NOW, **{"policy": POLICY} | changes)


def attempt(language: str = "en", **changes: Any) -> Delivery:
    written = notice(("EU_DSA16",), language=language)
    fields: dict[str, Any] = {"kind": "attempt", "outcome": "acknowledged", "channel": "bluesky", "receipt": "17"}
    fields |= {"number": 1, "at": NOW, "notice": written}
    return Delivery(delivery_id="d", takedown_id="t1", case_id="case-a", **fields | changes)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Return a function that puts records where the commands read topics."""

    def put(
        events: list[Takedown], steps: list[Delivery] | None = None, cases: list[Case] | None = None, body: str = BODY
    ) -> Settings:
        async def read_takedowns(_: Settings) -> list[Takedown]:
            return events

        async def read_deliveries(_: Settings) -> list[Delivery]:
            return steps or []

        async def read_case(_: Settings, case_id: str) -> list[Case]:
            found = [one for one in (cases if cases is not None else [case()]) if one.case_id == case_id]
            if not found:
                raise UsageError(f"no case {case_id}")
            return found

        for reader in (read_takedowns, read_deliveries, read_case):
            monkeypatch.setattr(notices, reader.__name__, reader)
        monkeypatch.setenv("JIKIMI_FILER_BODY", body)
        monkeypatch.setenv("JIKIMI_FILER_EMAIL", EMAIL)
        return load_settings()

    return put


async def test_a_takedown_without_a_notice_shows_a_draft_with_the_time_of_its_first_event(given: Given) -> None:
    later = made_takedown(state="refused", at=NOW.replace(hour=20))
    shown = await takedown_notice(given([made_takedown(), later]), "t1")
    assert shown.status == "draft: not sent"
    assert shown.notice.items[0].detected_at == NOW
    assert (shown.notice.language, shown.notice.attempt, shown.notice.platform) == ("en", 1, "bluesky")
    assert "no lawyer has reviewed" in shown.review


async def test_a_notice_that_was_sent_is_shown_as_it_was(given: Given) -> None:
    sent = attempt("de")
    for language in ("", "de", "de-AT"):
        shown = await takedown_notice(given([made_takedown()], [attempt(number=0), sent], []), "t1", language)
        assert shown.notice == sent.notice
        assert shown.status == "notice 1: acknowledged by bluesky at 2026-03-01 12:30:15 UTC, receipt 17"


async def test_another_language_than_that_of_the_notice_sent_is_a_draft_of_the_next_one(given: Given) -> None:
    shown = await takedown_notice(given([made_takedown()], [attempt()]), "t1", "ko")
    assert (shown.status, shown.notice.language, shown.notice.attempt) == ("draft: not sent", "ko", 2)


async def test_what_is_missing_is_one_line(given: Given) -> None:
    with pytest.raises(UsageError, match="no takedown t9: `jikimi case show"):
        await takedown_notice(given([made_takedown()]), "t9")
    with pytest.raises(UsageError, match="no case case-a"):
        await takedown_notice(given([made_takedown()], cases=[]), "t1")
    with pytest.raises(NoticeError, match="JIKIMI_FILER_BODY"):
        await takedown_notice(given([made_takedown()], body=""), "t1")


async def test_a_bundle_holds_what_is_pending_on_the_platform_and_nothing_else(given: Given) -> None:
    events = [
        made_takedown(1),
        made_takedown(2, state="removed"),
        made_takedown(3, post=post(3, platform="board", url="https://board.example/3")),
        made_takedown(4, case_id="case-b"),
        made_takedown(5, state="held"),
        made_takedown(6),
        made_takedown(6, state="sent", at=NOW.replace(hour=20)),
    ]
    (shown,) = await bundle(given(events), "case-a", "bluesky", "ja")
    assert [item.takedown_id for item in shown.notice.items] == ["t1", "t6"]
    assert {item.detected_at for item in shown.notice.items} == {NOW}
    assert shown.notice.language == "ja"


async def test_texts_and_every_further_200_posts_are_notices_of_their_own(given: Given) -> None:
    events = [made_takedown(number) for number in range(201)]
    shown = await bundle(given([*events, made_takedown(900, evidence=[text_evidence()])]), "case-a", "bluesky")
    assert [(len(one.notice.items), one.notice.kind) for one in shown] == [
        (200, "shared_without_consent"),
        (1, "shared_without_consent"),
        (1, "personal_data"),
    ]


async def test_a_bundle_of_nothing_is_refused(given: Given) -> None:
    with pytest.raises(UsageError, match="is pending on mastodon"):
        await bundle(given([made_takedown()]), "case-a", "mastodon")
    with pytest.raises(UsageError, match="no platform myspace: bluesky, dcinside"):
        await bundle(given([made_takedown()]), "case-a", "myspace")


def test_the_command_prints_the_text_and_writes_pages(
    given: Given, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.audit.acting.write_act", lambda *_: None)
    given([made_takedown(), made_takedown(2, evidence=[text_evidence()])])
    command.notice_show("t1", "ko")
    output = capsys.readouterr()
    assert "삭제 요청" in output.out
    assert output.err.splitlines()[0] == "draft: not sent"
    page = tmp_path / "notice.html"
    command.notice_bundle("case-a", "bluesky", "en", page)
    assert capsys.readouterr().out == ""
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert "personal data" in (tmp_path / "notice-2.html").read_text("utf-8")


def test_a_draft_repeats_itself_but_for_its_time(given: Given) -> None:
    import asyncio  # noqa: PLC0415 - two runs of one command

    settings = given([made_takedown()])
    one, two = (asyncio.run(takedown_notice(settings, "t1")).notice for _ in range(2))
    assert msgspec.structs.replace(one, created_at=NOW, signed_at=NOW) == msgspec.structs.replace(
        two, created_at=NOW, signed_at=NOW
    )
