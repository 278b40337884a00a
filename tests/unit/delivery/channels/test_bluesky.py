from typing import Any, get_args

import pytest

from schemas.messages import CaseKind
from tests.support.platforms.bluesky import AUTHOR, LABELER, LocalBluesky
from tests.unit.delivery.channels.made import KEY, channel_to, item, notice

OZONE, ATPROTO = "tools.ozone.report.defs#reason", "com.atproto.moderation.defs#reason"
POST = f"at://{AUTHOR}/app.bsky.feed.post/3k1"
WANTED = {
    "filmed_without_consent": "SexualNCII",
    "shared_without_consent": "SexualNCII",
    "synthetic": "SexualDeepfake",
    "child_exploitation": "ChildSafetyCSAM",
    "personal_data": "HarassmentDoxxing",
}


async def test_a_post_is_reported_to_the_labeler_with_its_cid() -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        answer = await channel.send(notice(server.add_post("3k1")), KEY)
    (report,) = server.reports
    assert (answer.outcome, answer.receipt) == ("acknowledged", "1")
    assert report["subject"] == {
        "$type": "com.atproto.repo.strongRef",
        "uri": f"at://{AUTHOR}/app.bsky.feed.post/3k1",
        "cid": "bafyrei3k1",
    }
    assert report["modTool"] == {"name": "jikimi", "meta": {"idempotencyKey": KEY, "noticeId": notice().notice_id}}
    assert LABELER in answer.detail
    assert "동의 없이" in report["reason"]


@pytest.mark.parametrize("kind", get_args(CaseKind))
async def test_the_reason_follows_the_kind_of_case(kind: CaseKind) -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        await channel.send(notice(server.add_post("3k1"), kind=kind), KEY)
    assert server.reports[0]["reasonType"] == OZONE + WANTED[kind]


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"reasonTypes": [f"{ATPROTO}Sexual", f"{ATPROTO}Other"]}, f"{ATPROTO}Sexual"),
        ({"reasonTypes": [f"{ATPROTO}Other"]}, f"{ATPROTO}Other"),
        ({}, f"{OZONE}SexualNCII"),
        (None, f"{OZONE}SexualNCII"),
    ],
)
async def test_an_older_labeler_gets_a_reason_that_it_takes(declared: dict[str, Any] | None, reason: str) -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        server.declaration = declared
        assert (await channel.send(notice(server.add_post("3k1")), KEY)).outcome == "acknowledged"
    assert server.reports[0]["reasonType"] == reason


@pytest.mark.parametrize(
    "declared",
    [{"reasonTypes": []}, {"subjectTypes": ["account"]}, {"subjectCollections": ["app.bsky.actor.profile"]}],
    ids=["reasons", "subjects", "collections"],
)
async def test_a_labeler_that_takes_no_such_reports_gets_none(declared: dict[str, Any]) -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        server.declaration = declared
        answer = await channel.send(notice(server.add_post("3k1")), KEY)
    assert (answer.outcome, answer.error) == ("refused", "not_taken")
    assert server.count() == 0


async def test_a_declaration_that_cannot_be_read_holds_up_one_report_at_most() -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        server.fail_next(500, path=server.get_record)
        sent = notice(items=[item("https://bsky.app/x", native_ids={"at_uri": POST, "cid": "bafyrei"})])
        assert [(await channel.send(sent, f"{KEY}-{number}")).outcome for number in range(3)] == ["acknowledged"] * 3
        assert server.count(server.get_record) == 1


async def test_one_session_serves_many_notices_and_is_refreshed_when_it_expires() -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        sent = notice(server.add_post("3k1"))
        for number in range(3):
            await channel.send(sent, f"{KEY}-{number}")
        server.expire_session()
        assert (await channel.send(sent, f"{KEY}-3")).outcome == "acknowledged"
        assert (server.count(server.create_session), server.count(server.refresh_session)) == (1, 1)
        server.expire_session()
        server.fail_next(401, path=server.refresh_session)
        assert (await channel.send(sent, f"{KEY}-4")).outcome == "acknowledged"
        assert (server.count(server.create_session), server.count(server.refresh_session)) == (2, 2)
        server.expire_session()
        server.fail_next(503, path=server.refresh_session)
        assert (await channel.send(sent, f"{KEY}-5")).status == 503
        assert server.count(server.create_session) == 2, "a login counts against the server's daily limit"
        assert (await channel.send(sent, f"{KEY}-5")).outcome == "acknowledged"
    assert len(server.reports) == 6


async def test_a_wrong_app_password_is_a_failure_that_the_operator_mends() -> None:
    async with LocalBluesky() as server, channel_to(server, secrets={"bluesky": "wrong"}) as channel:
        answer = await channel.send(notice(server.add_post("3k1")), KEY)
    assert (answer.outcome, answer.error, answer.status) == ("failed", "AuthenticationRequired", 401)


async def test_a_status_that_no_standard_has_is_a_failure_like_any_other() -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        server.fail_next(520, path=server.main)
        answer = await channel.send(notice(server.add_post("3k1")), KEY)
    assert (answer.outcome, answer.status) == ("failed", 520)


async def test_a_post_that_is_gone_is_refused_by_its_error() -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        url = server.add_post("3k1")
        server.remove_post("3k1")
        answer = await channel.send(notice(url), KEY)
    assert (answer.outcome, answer.error) == ("refused", "RecordNotFound")
    assert server.count() == 0


@pytest.mark.parametrize(
    "url", ["https://bsky.app/profile/mallory", "https://example.org/p1", "at://x", "", "http://["]
)
async def test_an_address_that_is_no_post_is_refused(url: str) -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        answer = await channel.send(notice(items=[item(url)]), KEY)
    assert (answer.outcome, answer.error) == ("refused", "no_bluesky_post")


async def test_a_handle_is_resolved_and_native_ids_spare_all_look_ups() -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        server.add_post("3k1")
        await channel.send(notice("https://bsky.app/profile/mallory.test/post/3k1"), KEY)
        ids = {"at_uri": f"at://{AUTHOR}/app.bsky.feed.post/3k2", "cid": "bafyrei3k2"}
        await channel.send(notice(items=[item("https://bsky.app/x", native_ids=ids)]), KEY)
    assert [report["subject"]["uri"].rpartition("/")[2] for report in server.reports] == ["3k1", "3k2"]
    assert server.reports[1]["subject"]["cid"] == "bafyrei3k2"


async def test_a_repeat_sends_only_the_posts_that_were_not_taken() -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        sent = notice(server.add_post("3k1"), server.add_post("3k2"))
        server.fail_next(500)
        assert (await channel.send(sent, KEY)).outcome == "failed"
        answer = await channel.send(sent, KEY)
    assert [report["subject"]["uri"].rpartition("/")[2] for report in server.reports] == ["3k2", "3k1"]
    assert (answer.outcome, answer.receipt) == ("acknowledged", "2, 1")


async def test_a_long_notice_fits_the_lexicon() -> None:
    async with LocalBluesky() as server, channel_to(server) as channel:
        sent = notice(server.add_post("3k1"), reasons="불" * 5_000)
        assert (await channel.send(sent, KEY)).outcome == "acknowledged"
    assert len(server.reports[0]["reason"]) == 2_000
