"""Bounces of mails: refused notices; every other mail is taken and dropped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText

import aiosmtplib
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from streams.delivery.answers import bounce_listener
from streams.delivery.answers.bounce import Envelope, bounce_of
from streams.delivery.answers.bounce_listener import BounceListener, listening
from streams.delivery.channels.return_address import ReturnAddress
from tests.support.deadline import DEADLINE_S
from tests.unit.delivery.answers.test_app import Broker
from tests.unit.delivery.channels.made import KEY, TAKEDOWN
from tests.unit.made_messages import NOW

ADDRESSES = ReturnAddress("notices@centre.example", b"a key")
MAILBOX, RETURN = "notices@centre.example", ADDRESSES.of(TAKEDOWN)
RETURNED = (
    f"From: notices@centre.example\nMessage-ID: <{KEY}@centre.example>\nReferences: {ADDRESSES.thread(TAKEDOWN)}\n\n"
)


def report(action: str = "failed", returned: str = RETURNED) -> bytes:
    """Return a delivery report as Postfix makes it."""
    mail = MIMEMultipart("report", report_type="delivery-status")
    mail["From"], mail["To"], mail["Subject"] = (
        "MAILER-DAEMON@mx.example",
        RETURN,
        "Undelivered Mail Returned to Sender",
    )
    mail.attach(MIMEText("I'm sorry to have to inform you …"))
    status = MIMENonMultipart("message", "delivery-status")
    fields = Message()
    fields["Final-Recipient"] = "rfc822; abuse@platform.example"
    fields["Action"] = action
    fields["Status"] = "5.1.1"
    fields["Diagnostic-Code"] = "smtp; 550 5.1.1 <abuse@platform.example>: User unknown"
    about = Message()
    about["Reporting-MTA"] = "dns; mx.example"
    status.set_payload([about, fields])
    mail.attach(status)
    headers = MIMENonMultipart("text", "rfc822-headers")
    headers.set_payload(returned)
    mail.attach(headers)
    return mail.as_bytes()


def plain(subject: str = "Delivery failed", **headers: str) -> bytes:
    mail = EmailMessage()
    mail["Subject"] = subject
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("no such user")
    return mail.as_bytes()


def test_a_delivery_report_refuses_the_notice_with_its_diagnostic() -> None:
    found = bounce_of(Envelope("", [RETURN], report()), ADDRESSES, NOW)
    assert found is not None
    assert (found.kind, found.outcome, found.takedown_id, found.channel) == ("answer", "refused", TAKEDOWN, "mail")
    assert (found.status, found.error, found.idempotency_key) == (550, "5.1.1", KEY)
    assert found.detail == "550 5.1.1 <abuse@platform.example>: User unknown"
    again = bounce_of(Envelope("", [RETURN], report()), ADDRESSES, NOW)
    assert again is not None
    assert again.delivery_id == found.delivery_id


def test_a_report_to_the_mailbox_itself_names_its_takedown_by_the_mail_it_returns() -> None:
    found = bounce_of(Envelope("", [MAILBOX], report()), ADDRESSES, NOW)
    assert found is not None
    assert found.takedown_id == TAKEDOWN


def test_a_bounce_of_no_standard_form_is_known_by_its_address_and_its_missing_sender() -> None:
    found = bounce_of(Envelope("<>", [RETURN], plain()), ADDRESSES, NOW)
    assert found is not None
    assert (found.error, found.detail) == ("bounced", "Delivery failed")


OTHER = ReturnAddress("notices@centre.example", b"another key")


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope("", [RETURN], report("delayed")),
        Envelope("", [RETURN], report("delivered")),
        Envelope("", [RETURN], plain("Out of office", Auto_Submitted="auto-replied (vacation)")),
        Envelope("abuse@platform.example", [RETURN], plain("Re: Removal")),
        Envelope("", [MAILBOX], plain()),
        Envelope("", [MAILBOX], report(returned="Message-ID: <x@elsewhere.example>\n\n")),
        Envelope("", [OTHER.of(TAKEDOWN)], plain()),
        Envelope("", [MAILBOX], report(returned=f"References: {OTHER.thread(TAKEDOWN)}\n\n")),
        Envelope("", [], b""),
    ],
    ids=["delayed", "delivered", "away", "reply", "mailbox", "another mail", "forged", "forged references", "empty"],
)
def test_other_mails_are_no_bounces(envelope: Envelope) -> None:
    assert bounce_of(envelope, ADDRESSES, NOW) is None


@given(st.binary(max_size=300), st.sampled_from([report(), plain(), b""]), st.integers(0, 2_000))
@hypothesis_settings(max_examples=60, deadline=None)
def test_no_mail_breaks_the_parser(noise: bytes, mail: bytes, at: int) -> None:
    bounce_of(Envelope("", [RETURN], mail[:at] + noise + mail[at:]), ADDRESSES, NOW)


def test_a_mail_nested_without_end_is_no_bounce() -> None:
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(1_500))
    assert bounce_of(Envelope("a@b.example", [RETURN], nested), ADDRESSES, NOW) is None


@asynccontextmanager
async def connected(broker: Broker) -> AsyncIterator[aiosmtplib.SMTP]:
    async with listening(BounceListener(ADDRESSES, broker.write), "127.0.0.1", 0) as port:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=DEADLINE_S)
        await client.connect()
        try:
            yield client
        finally:
            client.close()


async def test_a_bounce_that_arrives_is_written() -> None:
    broker = Broker()
    async with connected(broker) as client:
        await client.sendmail("", [RETURN], report())
        await client.sendmail("abuse@platform.example", [RETURN], plain("Re: Removal"))
    (found,) = broker.written
    assert (found.takedown_id, found.outcome) == (TAKEDOWN, "refused")


async def test_mail_to_others_is_turned_away() -> None:
    async with connected(Broker()) as client:
        for address in ("eve@elsewhere.example", OTHER.of(TAKEDOWN), "root@centre.example"):
            with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
                await client.sendmail("", [address], report())


async def test_while_the_broker_is_down_the_sender_keeps_the_bounce() -> None:
    broker = Broker()
    broker.is_down = True
    async with connected(broker) as client:
        with pytest.raises(aiosmtplib.SMTPDataError) as error:
            await client.sendmail("", [RETURN], report())
    assert error.value.code == 451


async def test_a_mail_that_is_too_large_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounce_listener, "MAX_BYTES", 10_000)
    broker = Broker()
    async with connected(broker) as client:
        with pytest.raises(aiosmtplib.SMTPResponseException) as error:
            await client.sendmail("", [RETURN], report() + b"x" * 20_000)
    assert error.value.code == 552
    assert broker.written == []


async def test_connections_are_limited_and_counted_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounce_listener, "MAX_CONNECTIONS", 1)
    listener = BounceListener(ADDRESSES, Broker().write)
    async with listening(listener, "127.0.0.1", 0) as port:
        reader, first = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.readline()).startswith(b"220 ")
        busy, second = await asyncio.open_connection("127.0.0.1", port)
        assert (await busy.read()).startswith(b"421 ")
        first.write(b"QUIT\r\n")
        await reader.read()
        second.close()
        first.close()
        assert listener.n_open == 0
