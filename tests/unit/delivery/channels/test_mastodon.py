import pytest

from streams.delivery.channels.make import make_channel
from streams.delivery.platforms.registry import MastodonChannel
from tests.support.platforms.http_server import reply
from tests.support.platforms.mastodon import LocalMastodon
from tests.unit.delivery.channels.made import KEY, Text, channel_to, hurry, notice, settings


async def test_a_status_is_reported_for_legal_reasons_and_forwarded() -> None:
    async with LocalMastodon() as server, channel_to(server) as channel:
        answer = await channel.send(notice(server.add_status("1")), KEY)
    (report,) = server.reports
    assert (answer.outcome, answer.receipt) == ("acknowledged", "1")
    assert report["account_id"] == ["id-of-mallory"]
    assert report["status_ids[]"] == ["1"]
    assert (report["category"], report["forward"]) == (["legal"], ["true"])
    assert report["comment"][0].startswith("Notice")


async def test_posts_of_one_account_are_one_report_and_those_of_another_a_second() -> None:
    async with LocalMastodon() as server, channel_to(server) as channel:
        urls = server.add_status("1"), server.add_status("2"), server.add_status("3", "eve")
        server.fail_next(500)
        assert (await channel.send(notice(*urls), KEY)).outcome == "failed"
        answer = await channel.send(notice(*urls), KEY)
    assert [report["status_ids[]"] for report in server.reports] == [["3"], ["1", "2"]]
    assert answer.receipt == "2, 1"


async def test_a_deleted_status_cannot_be_reported() -> None:
    async with LocalMastodon() as server, channel_to(server) as channel:
        url = server.add_status("1")
        server.remove_status("1")
        answer = await channel.send(notice(url), KEY)
    assert (answer.outcome, answer.error) == ("refused", "status_not_found")
    assert server.count() == 0


async def test_another_status_than_the_one_asked_for_is_never_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    async with LocalMastodon() as server, channel_to(server) as channel:
        url = server.add_status("1")
        server.statuses["1"] |= {"url": f"{server.url}/@alice/9"}
        answer = await channel.send(notice(server.statuses["1"]["uri"]), KEY)
        assert answer.outcome == "acknowledged"
        monkeypatch.setattr(server, "answer", lambda _: reply({"statuses": list(server.statuses.values())}))
        answer = await channel.send(notice(url), KEY)
    assert (answer.outcome, answer.error) == ("refused", "status_differs")


async def test_a_wrong_token_is_a_failure_that_the_operator_mends() -> None:
    async with LocalMastodon() as server, channel_to(server, secrets={"mastodon": "wrong"}) as channel:
        answer = await channel.send(notice(server.add_status("1")), KEY)
    assert (answer.outcome, answer.status, answer.detail) == ("failed", 401, "The access token is invalid")


@pytest.mark.parametrize("limit", [None, 300])
async def test_a_long_notice_fits_the_limit_of_the_platform(limit: int | None) -> None:
    async with LocalMastodon() as server:
        entry = MastodonChannel(kind="mastodon", server=server.url, secret="mastodon", forward=False)
        channel = make_channel(entry, settings(), max_characters=limit, renderer=Text())
        assert channel is not None
        answer = await channel.send(notice(server.add_status("1"), reasons="불" * 5_000), KEY)
        await channel.close()
    assert answer.outcome == "acknowledged"
    assert len(server.reports[0]["comment"][0]) == (limit or 1_000)
    assert server.reports[0]["forward"] == ["false"]


@pytest.mark.parametrize("failure", ["timeout", "nonsense", "empty", 500, "rate_limit"])
async def test_a_search_that_fails_is_a_failure(failure: str | int, monkeypatch: pytest.MonkeyPatch) -> None:
    async with LocalMastodon() as server, channel_to(server) as channel:
        if failure == "timeout":
            hurry(monkeypatch, server)
        server.fail_next(failure, path=server.search)
        assert (await channel.send(notice(server.add_status("1")), KEY)).outcome == "failed"
    assert server.reports == []
