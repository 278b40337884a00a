"""Every channel over HTTP, with its platform failing in every way."""

from hashlib import sha256

import pytest

from streams.delivery.channels.channel import Answer
from tests.support.platforms.http_server import FAILURES, RETRY_AFTER_S
from tests.support.platforms.webhook import LocalWebhook
from tests.unit.delivery.channels.made import KEY, SERVERS, channel_to, hurry, notice, post_of

RECEIPTS_DUE = {"bluesky", "mastodon"}
REFUSED = {400, 409, 410, 413, 422, 451, "echo"}


def expected(kind: str, failure: str | int) -> tuple[str, str]:  # noqa: PLR0911 - one for each failure
    """Return outcome and error."""
    match failure:
        case int():
            return "refused" if failure in REFUSED else "failed", f"Refused{failure}"
        case "timeout" | "slow_body":
            return "failed", "timeout"
        case "reset" | "lost_answer" | "half_answer":
            return "failed", "unavailable"
        case "empty" if kind not in RECEIPTS_DUE:
            return "delivered", ""
        case "nonsense" | "endless" if kind == "activitypub":
            return "delivered", ""
        case "nonsense" | "endless" | "empty":
            return "failed", "nonsense"
        case "rate_limit" | "rate_limit_date":
            return "failed", "http_429"
        case "unavailable":
            return "failed", "http_503"
        case "redirect":
            return "failed", "redirect"
        case _:
            pass
    return "refused", "http_400"


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("kind", SERVERS)
async def test_a_failure_is_an_answer_and_the_same_notice_succeeds_afterwards(
    kind: str, failure: str | int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SERVERS[kind]() as server, channel_to(server) as channel:
        if failure in {"timeout", "slow_body"}:
            hurry(monkeypatch, server)
        sent = notice(post_of(server))
        server.fail_next(failure)
        answer = await channel.send(sent, KEY)
        assert (answer.outcome, answer.error) == expected(kind, failure)
        assert server.count() <= 1, "only the plan of a takedown repeats a notice"
        if failure in {"rate_limit", "rate_limit_date", "unavailable"}:
            assert answer.retry_after_s == pytest.approx(RETRY_AFTER_S, abs=60)
        if answer.outcome == "delivered":
            return
        server.stop_failing()
        again = await channel.send(sent, KEY)
        assert again.outcome == ("delivered" if kind == "activitypub" else "acknowledged")
        assert again.error == ""


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_certificate_of_no_authority_is_a_failure_and_nothing_is_sent(kind: str) -> None:
    async with SERVERS[kind](tls=True) as server, channel_to(server) as channel:
        answer = await channel.send(notice(post_of(server)), KEY)
        assert (answer.outcome, answer.error) == ("failed", "tls")
        assert server.requests == []


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_private_address_is_refused_with_the_reason_of_the_link_guard(kind: str) -> None:
    async with SERVERS[kind]() as server, channel_to(server, allowed_hosts=()) as channel:
        answer = await channel.send(notice(post_of(server)), KEY)
        assert (answer.outcome, answer.error) == ("refused", "link_private_address")
        assert server.n_connections == 0


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_server_that_is_down_is_a_failure(kind: str) -> None:
    async with SERVERS[kind]() as server:
        sent = notice(post_of(server))
    async with channel_to(server) as channel:
        answer = await channel.send(sent, KEY)
    assert (answer.outcome, answer.error, answer.status) == ("failed", "unavailable", None)


async def test_an_answer_is_kept_as_its_hash_with_the_address_asked() -> None:
    async with LocalWebhook() as server, channel_to(server) as channel:
        answer = await channel.send(notice(), KEY)
    digest = sha256(b'{"receipt": "W-1"}').digest()
    assert answer == Answer("acknowledged", server.address, 202, receipt="W-1", answer_hash=digest)
