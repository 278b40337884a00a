"""Pages of takedowns: filters and saved views, notices as they were sent, acts, and what a person may decide."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import cast
from uuid import uuid4

import msgspec
import pytest

from schemas.messages import Act, Checkpoint, Notice
from streams.audit.acting import NOT_GIVEN
from streams.audit.signatures import signed
from streams.audit.signing import own_signer
from streams.console.site import Site
from streams.console.views import MAX_VIEWS
from streams.console.words import words
from streams.settings import Settings
from tests.unit.console.made_site import (
    EVIL,
    MINA,
    MadeStore,
    RecordedActions,
    ago,
    browser,
    case,
    found,
    made_site,
    put,
    token,
)
from tests.unit.delivery.notices.made_notices import notice as made_notice
from tests.unit.made_messages import POLICY, delivery

EN = words("en")


async def post(site: Site, path: str, sent: Mapping[str, str]) -> int:
    async with browser(site) as client:
        status = (await client.post(path, data={"token": token(site), **sent})).status_code
        await client.post("/leave", data={"token": token(site)})
    return status


async def page(site: Site, path: str, language: str = "en") -> str:
    async with browser(site, language=language) as client:
        html = (await client.get(path)).raise_for_status().text
        await client.post("/leave", data={"token": token(site)})
    return html


def act(settings: Settings, subject: str, right: str = "send", why: str = "hers", **changes: object) -> Act:
    made = Act(act_id=str(uuid4()), act=right, subject=subject, by="june", why=why, at=ago(minutes=5))
    return msgspec.structs.replace(signed(made, own_signer(settings)), **changes)


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("", {0, 1, 2}),
        ("?overdue=1", {0}),
        ("?state=removed", {2}),
        ("?state=removed&overdue=1", set()),
        ("?case=case-a", {0, 1, 2}),
        ("?case=case-m", set()),
        ("?platform=bluesky&state=held", {1}),
        ("?platform=elsewhere", set()),
        ("?state=unheard-of", {0, 1, 2}),
    ],
)
async def test_filters_choose_by_state_case_platform_and_overdue(site: Site, query: str, there: set[int]) -> None:
    html = await page(site, f"/takedowns{query}")
    assert {number for number in range(3) if f'href="/takedowns/takedown-{number}"' in html} == there


async def test_what_is_overdue_says_so_and_what_comes_next_in_words(site: Site) -> None:
    html = await page(site, "/takedowns?overdue=1")
    assert "overdue for 5 h" in html
    assert EN("next_step.sent") in html


async def test_a_view_is_saved_opened_replaced_and_removed_and_is_its_persons_alone(site: Site) -> None:
    assert await post(site, "/views", {"name": "mine", "state": "sent", "case": "case-a", "evil": EVIL}) == 303
    await post(site, "/views", {"name": "mine", "state": "held", "platform": "bluesky"})
    html = await page(site, "/takedowns")
    assert 'href="/takedowns?state=held&amp;platform=bluesky">mine</a>' in html
    await post(site, "/views", {"name": "other", "state": "sent"})
    await post(site, "/views/remove", {"name": "mine"})
    html = await page(site, "/takedowns")
    assert (">mine<" in html, ">other<" in html) == (False, True)
    async with browser(site, identity=MINA._replace(person=MINA.person._replace(name="june"))) as june:
        assert ">other<" not in (await june.get("/takedowns")).text


async def test_a_name_of_a_view_is_text_and_views_have_a_limit(site: Site) -> None:
    for number in range(MAX_VIEWS):
        assert await post(site, "/views", {"name": f"{number} {EVIL}", "state": "sent"}) == 303
    assert await post(site, "/views", {"name": "one more", "state": "sent"}) == 409
    html = await page(site, "/takedowns?state=sent")
    assert EVIL not in html
    assert EN("views.full", n=MAX_VIEWS) in html


async def test_a_notice_is_read_from_its_record_in_its_language(site: Site) -> None:
    address = "/takedowns/takedown-0/notices/sent"
    assert f'href="{address}"' in await page(site, "/takedowns/takedown-0")
    html, notice = await page(site, address), made_notice(language="ko")
    assert '<pre class="notice card" lang="ko"' in html
    assert notice.items[0].url in html
    assert notice.good_faith in html
    cast("MadeStore", site.store).deliveries.clear()
    assert EN("notice.gone") in await page(site, address)
    async with browser(site) as client:
        assert (await client.get("/takedowns/takedown-0/notices/other")).status_code == 404
        assert (await client.get("/takedowns/takedown-1/notices/sent")).status_code == 404


def test_no_text_of_a_notice_is_in_the_store(site: Site) -> None:
    notice: Notice = made_notice()
    put(site.store, "deliveries", delivery(delivery_id="sent", takedown_id="takedown-0", notice=notice))
    rows = site.store._database.execute("SELECT * FROM steps").fetchall()
    assert notice.good_faith.encode() not in b"".join(
        value for row in rows for value in row if isinstance(value, bytes)
    )


async def test_a_refusal_is_a_label_with_its_reason(site: Site, actions: RecordedActions) -> None:
    assert EN("takedown.refuse_now") in await page(site, "/takedowns/takedown-0")
    assert await post(site, "/takedowns/takedown-0/refuse", {"why": "another person"}) == 303
    (label,) = actions.labels
    decided = (label.post_id, label.case_id, label.decision, label.reviewer, label.note)
    assert decided == ("post-0", "case-a", "other", "mina", "another person")
    put(site.store, "labels", label)
    html = await page(site, "/takedowns/takedown-0")
    assert "A person decided: Not a copy, by mina" in html
    assert EN("takedown.refuse_now") not in html


async def test_a_takedown_that_is_held_for_the_second_person_asks_for_it(site: Site) -> None:
    put(site.store, "takedowns", found(7, case_id="case-w", state="held", held_for=["case-w"]))
    assert 'action="/cases/case-w/confirm"' in await page(site, "/takedowns/takedown-7")


async def test_the_expected_next_step_is_shown_with_its_time(site: Site) -> None:
    attempt = delivery(
        delivery_id="a", takedown_id="takedown-5", kind="attempt", outcome="delivered", at=ago(minutes=5)
    )
    looked = delivery(delivery_id="l", takedown_id="takedown-5", kind="look", outcome="present", at=ago(minutes=6))
    put(site.store, "takedowns", found(5, state="issued", at=ago(minutes=9)))
    put(site.store, "takedowns", found(5, event_id="event-5-2", state="sent", at=ago(minutes=5)))
    put(site.store, "deliveries", looked, attempt)
    at = ago(minutes=5) + timedelta(minutes=15)
    html = await page(site, "/takedowns/takedown-5")
    assert "Expected: the post is looked at, " in html
    assert f"{at.astimezone().minute:02}" in html


async def test_an_approval_is_expected_of_a_person_before_anything_else(site: Site) -> None:
    policy = msgspec.structs.replace(POLICY, approve=True)
    put(site.store, "cases", case("case-p", policy=policy))
    put(site.store, "takedowns", found(6, case_id="case-p", state="issued"))
    html = await page(site, "/takedowns/takedown-6")
    assert EN("takedown.approve") in html


async def test_the_notice_can_be_read_before_it_is_approved_and_not_once_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JIKIMI_FILER_BODY", "A centre")
    monkeypatch.setenv("JIKIMI_FILER_EMAIL", "notices@centre.example")
    with made_site(folder=tmp_path) as (site, _):
        put(site.store, "cases", case("case-p", policy=POLICY))
        put(site.store, "takedowns", found(6, case_id="case-p", state="issued"))
        assert 'href="/takedowns/takedown-6/draft"' in await page(site, "/takedowns/takedown-6")
        html = await page(site, "/takedowns/takedown-6/draft")
        assert EN("notice.draft") in html
        assert found(6).post.url in html
        sent = delivery(delivery_id="sent-6", takedown_id="takedown-6", notice=made_notice())
        put(site.store, "deliveries", sent)
        assert "/takedowns/takedown-6/draft" not in await page(site, "/takedowns/takedown-6")
        async with browser(site) as client:
            assert (await client.get("/takedowns/takedown-6/draft")).status_code == 404


async def test_a_trial_run_does_not_say_that_a_notice_is_sent_next(site: Site) -> None:
    put(site.store, "takedowns", found(7, state="issued"))
    assert EN("next_step.issued") in await page(site, "/takedowns/takedown-7")
    put(site.store, "deliveries", delivery(delivery_id="dry-7", takedown_id="takedown-7", outcome="dry_run"))
    html = await page(site, "/takedowns/takedown-7")
    assert EN("takedown.dry") in html
    assert EN("next_step.issued") not in html


async def test_an_act_without_a_reason_says_so_in_the_language_of_the_page(site: Site) -> None:
    put(site.store, "acts", act(site.settings, "case-a", "open", NOT_GIVEN))
    assert words("ko")("act.no_reason") in await page(site, "/cases/case-a", "ko")


async def test_acts_are_in_the_history_of_their_takedown_and_case_and_no_other(site: Site) -> None:
    settings = site.settings
    acts = [
        act(settings, "takedown-0", why="a copy"),
        act(settings, "post-0/case-a", "label", "seen it"),
        act(settings, "case-a", "evidence", "for the police"),
        act(settings, "case-a/r1", "confirm", "her film"),
        act(settings, "case-ab", "evidence", "of another"),
        act(settings, "case-m", "withdraw", "a minor"),
    ]
    put(site.store, "acts", *acts)
    takedown, of_case = await page(site, "/takedowns/takedown-0"), await page(site, "/cases/case-a")
    shown = [[one.why in html for one in acts] for html in (takedown, of_case)]
    assert shown == [[True, True, False, False, False, False], [False, False, True, True, False, False]]
    assert EN("audit.none") in takedown
    assert "does not verify" not in takedown + of_case


async def test_an_act_and_a_checkpoint_that_were_altered_are_named(site: Site) -> None:
    checkpoint = signed(Checkpoint(number=7, at=ago(minutes=3)), own_signer(site.settings))
    put(site.store, "checkpoints", checkpoint)
    put(site.store, "acts", act(site.settings, "case-a", by="somebody else"))
    html = await page(site, "/cases/case-a")
    assert "last checkpoint (7, 3 min ago) is valid" in html
    assert "This act does not verify: its signature is wrong" in html
    put(site.store, "checkpoints", msgspec.structs.replace(checkpoint, number=8))
    assert "last checkpoint (8, 3 min ago) is not valid: its signature is wrong" in await page(site, "/cases/case-a")


async def test_acts_of_a_case_that_are_shown_are_bounded_and_the_last_ones(site: Site) -> None:
    put(
        site.store, "acts", *(act(site.settings, "case-a", why=f"reason {n:03}.", at=ago(minutes=n)) for n in range(70))
    )
    html = await page(site, "/cases/case-a")
    assert [number for number in range(70) if f"reason {number:03}." in html] == list(range(50))
