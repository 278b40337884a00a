"""Bounces of notices sent by mail: delivery reports (RFC 3464), and other mails to a takedown's return address."""

import re
from collections.abc import Sequence
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from hashlib import sha256
from typing import NamedTuple

from schemas.ids import record_id
from schemas.messages import Delivery
from streams.delivery.channels.return_address import ReturnAddress

_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError)
"""What the standard library's parser raises for mails that nobody should send."""
_SMTP_CODE = re.compile(r"\b([245]\d\d)\b")


class _Report(NamedTuple):
    """Failure of one recipient."""

    status: str
    diagnostic: str


class Envelope(NamedTuple):
    """A mail as it arrived."""

    sender: str
    """Empty for bounces."""
    recipients: Sequence[str]
    content: bytes


def bounce_of(envelope: Envelope, addresses: ReturnAddress, at: datetime) -> Delivery | None:
    """Return the answer of a mail, None if it is not a bounce of a notice of ours, or none that is final.

    A report names its takedown by the address it comes to, or by the references of the mail it returns. A mail of
    another form is a bounce if it comes to such an address without a sender, and is no automatic reply.
    """
    try:
        message = message_from_bytes(envelope.content)
        report = _report_in(message)
        is_bounce = report is not None or _is_plain_bounce(envelope, message)
    except _MALFORMED:
        return None
    found = [takedown_id for address in envelope.recipients if (takedown_id := addresses.takedown_of(address))]
    text = envelope.content.decode("latin-1")
    takedown_id = found[0] if found else addresses.takedown_in(text) if report is not None else None
    if not is_bounce or takedown_id is None:
        return None
    return _answer(takedown_id, _key_in(text, addresses.domain), report or _plain_report(message), envelope.content, at)


def _answer(takedown_id: str, key: str, report: _Report, content: bytes, at: datetime) -> Delivery:
    code = _SMTP_CODE.search(report.diagnostic)
    return Delivery(
        delivery_id=record_id("bounce", takedown_id, key or sha256(content).hexdigest()),
        takedown_id=takedown_id,
        case_id="",
        kind="answer",
        outcome="refused",
        number=0,
        at=at,
        channel="mail",
        status=int(code[1]) if code else None,
        error=report.status or "bounced",
        detail=report.diagnostic,
        answer_hash=sha256(content).digest(),
        idempotency_key=key,
    )


def _report_in(message: Message) -> _Report | None:
    """Return the first failure of a delivery report; a delay or a success is none."""
    if message.get_content_type() != "multipart/report":
        return None
    for part in message.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for fields in part.get_payload() or ():
            if isinstance(fields, Message) and str(fields.get("Action", "")).strip().lower() == "failed":
                words = str(fields.get("Diagnostic-Code", "")).partition(";")[2]
                return _Report(_line(str(fields.get("Status", "")), 16), _line(words, 300))
    return None


def _is_plain_bounce(envelope: Envelope, message: Message) -> bool:
    automatic = str(message.get("Auto-Submitted", "")).strip().lower()
    is_report = message.get_content_type() == "multipart/report"
    return not envelope.sender.strip("<>") and not is_report and not automatic.startswith("auto-replied")


def _plain_report(message: Message) -> _Report:
    return _Report("", _line(str(message.get("Subject", "")), 300))


def _key_in(text: str, domain: str) -> str:
    """Return the idempotency key of the returned mail, from its message id."""
    found = re.search(rf"^message-id:\s*<([^@>\s]{{1,100}})@{re.escape(domain)}>", text, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else ""


def _line(text: str, limit: int) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:limit]
