import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Any

import msgspec
import pytest

from schemas.messages import Filer
from streams.delivery.channels.mail import MailNotices, MailServer
from streams.delivery.channels.make import make_channel
from streams.delivery.channels.return_address import ReturnAddress, return_address
from streams.delivery.platforms.registry import MailChannel
from streams.errors import UsageError
from tests.support.deadline import DEADLINE_S
from tests.support.platforms.certificates import client_tls
from tests.support.platforms.mail import FAILURES, PASSWORD, USERNAME, LocalMailServer
from tests.unit.delivery.channels.made import KEY, TAKEDOWN, Text, item, notice, settings

FROM = "Centre <notices@centre.example>"
NOTICE = notice(items=[item("https://example.org/p1")])


@asynccontextmanager
async def mailing(server: LocalMailServer, *, trusts: bool = True, **changes: Any) -> AsyncIterator[MailNotices]:
    options = {
        "smtp_host": server.host,
        "smtp_port": server.port,
        "smtp_tls": False,
        "mail_from": FROM,
        "bounce_key": "k",
    }
    ours = settings(**options | changes).delivery
    mail_server = MailServer(ours, client_tls() if trusts else None)
    yield MailNotices("abuse@platform.example", mail_server, return_address(ours), Text())


def parts(mail: EmailMessage) -> dict[str, str]:
    return {part.get_content_type(): part.get_content().strip() for part in mail.walk() if not part.is_multipart()}


async def test_a_mail_has_text_and_html_and_a_return_address_of_its_takedown() -> None:
    async with LocalMailServer() as server, mailing(server) as channel:
        answer = await channel.send(NOTICE, KEY)
    (mail,) = server.mails
    assert (answer.outcome, answer.status, answer.address) == ("delivered", 250, f"smtp://127.0.0.1:{server.port}")
    assert mail.recipients == ["abuse@platform.example"]
    assert ReturnAddress(FROM, b"k").takedown_of(mail.sender) == TAKEDOWN
    assert parts(mail.message)["text/plain"] == Text().text(NOTICE)
    assert parts(mail.message)["text/html"] == Text().html(NOTICE)
    assert (mail.message["From"], mail.message["Reply-To"]) == (FROM, "centre@example.org")
    assert mail.message["Auto-Submitted"] == "auto-generated"


async def test_mails_of_a_takedown_are_a_thread_and_a_repeat_is_the_same_mail() -> None:
    async with LocalMailServer() as server, mailing(server) as channel:
        for key in (KEY, KEY, "second-key"):
            await channel.send(NOTICE, key)
    first, again, second = (mail.message for mail in server.mails)
    assert first["Message-ID"] == again["Message-ID"] == f"<{KEY}@centre.example>"
    assert second["Message-ID"] != first["Message-ID"]
    assert len({mail[name] for mail in (first, again, second) for name in ("In-Reply-To", "References")}) == 1
    assert ReturnAddress(FROM, b"k").takedown_in(first["References"]) == TAKEDOWN
    assert first["Date"] == again["Date"]


async def test_a_filer_whose_address_is_left_out_gets_no_answers() -> None:
    hidden = msgspec.structs.replace(NOTICE, filer=Filer(body="", role="designated_body", email=""))
    async with LocalMailServer() as server, mailing(server) as channel:
        await channel.send(hidden, KEY)
    assert server.mails[0].message["Reply-To"] is None


EXPECTED: dict[str | int, tuple[str, str]] = {
    "recipient": ("refused", "smtp_550"),
    "sender": ("refused", "smtp_550"),
    550: ("refused", "smtp_550"),
    554: ("refused", "smtp_554"),
    "recipient_later": ("failed", "smtp_451"),
    421: ("failed", "smtp_421"),
    451: ("failed", "smtp_451"),
    452: ("failed", "smtp_452"),
    "timeout": ("failed", "timeout"),
    "reset": ("failed", "half_answer"),
    "lost_answer": ("failed", "half_answer"),
    "nonsense": ("failed", "nonsense"),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_is_an_answer_and_the_same_mail_arrives_afterwards(failure: str | int) -> None:
    timeout_s = 0.5 if failure == "timeout" else DEADLINE_S
    async with LocalMailServer() as server:
        server.fail_next(failure)
        async with mailing(server, timeout_s=timeout_s) as channel:
            answer = await channel.send(NOTICE, KEY)
        assert (answer.outcome, answer.error) == EXPECTED[failure]
        server.stop_failing()
        async with mailing(server) as channel:
            assert (await channel.send(NOTICE, KEY)).outcome == "delivered"


async def test_a_server_that_is_down_is_a_failure() -> None:
    async with LocalMailServer() as server:
        pass
    async with mailing(server) as channel:
        assert (await channel.send(NOTICE, KEY)).error == "unavailable"


async def test_encryption_is_never_negotiated_away() -> None:
    async with LocalMailServer() as server, mailing(server, smtp_tls=True) as channel:
        answer = await channel.send(NOTICE, KEY)
    assert (answer.outcome, server.mails) == ("failed", [])


@pytest.mark.parametrize(("trusts", "outcome"), [(True, "delivered"), (False, "failed")])
async def test_starttls_verifies_the_certificate(outcome: str, *, trusts: bool) -> None:
    async with LocalMailServer(tls=True) as server, mailing(server, trusts=trusts, smtp_tls=True) as channel:
        answer = await channel.send(NOTICE, KEY)
    assert (answer.outcome, answer.error) == (outcome, "" if trusts else "tls")


@pytest.mark.parametrize(("password", "error"), [(PASSWORD, ""), ("wrong", "authentication")])
async def test_a_wrong_password_is_a_failure_that_the_operator_mends(password: str, error: str) -> None:
    login: dict[str, Any] = {"smtp_username": USERNAME, "smtp_password": password, "smtp_tls": True}
    async with LocalMailServer(tls=True, login=True) as server, mailing(server, **login) as channel:
        answer = await channel.send(NOTICE, KEY)
    assert (answer.outcome, answer.error) == ("failed" if error else "delivered", error)


@pytest.mark.parametrize("subject", ["a\nBcc: eve@example.org", "\r\n\r\n", "동의 없는 유포"])
async def test_no_header_can_be_added_through_a_notice(subject: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Text, "subject", lambda *_: subject)
    async with LocalMailServer() as server, mailing(server) as channel:
        assert (await channel.send(NOTICE, KEY)).outcome == "delivered"
    assert server.mails[0].message["Bcc"] is None
    assert server.mails[0].recipients == ["abuse@platform.example"]


def test_a_return_address_needs_its_tag_when_there_is_a_key() -> None:
    signed, unsigned, other = ReturnAddress(FROM, b"k"), ReturnAddress(FROM, b""), ReturnAddress(FROM, b"other")
    assert signed.takedown_of(signed.of(TAKEDOWN).upper()) == TAKEDOWN
    assert signed.takedown_of(unsigned.of(TAKEDOWN)) is None
    assert signed.takedown_of(other.of(TAKEDOWN)) is None
    assert unsigned.takedown_of(signed.of(TAKEDOWN)) == TAKEDOWN
    assert signed.takedown_in(f"<x@y> {other.thread(TAKEDOWN)} {signed.thread(TAKEDOWN)}") == TAKEDOWN
    assert signed.takedown_in(unsigned.thread(TAKEDOWN)) is None
    assert len(ReturnAddress("a" * 14 + "@b.example", b"k").of(TAKEDOWN).partition("@")[0]) == 64


@pytest.mark.parametrize(
    "changes", [{"smtp_host": ""}, {"mail_from": ""}, {"mail_from": "Centre"}, {"mail_from": "a" * 15 + "@b.example"}]
)
def test_settings_that_mail_needs_are_one_line(changes: dict[str, str]) -> None:
    entry = MailChannel(kind="mail", to="abuse@platform.example")
    with pytest.raises(UsageError, match="JIKIMI_DELIVERY_"):
        make_channel(entry, settings(**{"smtp_host": "mail.example", "mail_from": FROM} | changes), renderer=Text())


async def test_a_server_that_repeats_the_login_shows_no_password() -> None:
    login: dict[str, Any] = {"smtp_tls": True, "smtp_username": USERNAME, "smtp_password": PASSWORD}
    async with LocalMailServer(tls=True, login=True) as server, mailing(server, **login) as channel:
        server.fail_next("echo_login", times=3)  # of every mechanism
        answer = await channel.send(NOTICE, KEY)
    assert (answer.outcome, answer.status, answer.error) == ("failed", 535, "authentication")
    assert "AUTH PLAIN" in answer.detail
    assert "[secret]" in answer.detail
    sent = base64.b64encode(f"\0{USERNAME}\0{PASSWORD}".encode()).decode()
    assert sent[-20:] not in answer.detail
