"""Channel of a platform's mail address: text and HTML, a thread and an address for bounces for each takedown."""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from schemas.messages import Notice
from streams.delivery.channels.channel import Answer
from streams.delivery.channels.renderer import Renderer
from streams.delivery.channels.return_address import ReturnAddress
from streams.delivery.settings import DeliverySettings
from streams.secrets.redaction import Redaction

_IMPLICIT_TLS_PORT = 465
_PERMANENT = 500
_QUIT_S = 1.0


@dataclass(frozen=True, slots=True)
class MailServer:
    """Server that mails are handed to."""

    settings: DeliverySettings
    tls: ssl.SSLContext | None = None
    """Context for its certificate; the system's authorities by default."""

    @property
    def address(self) -> str:
        """Return the endpoint without credentials."""
        return f"smtp://{self.settings.smtp_host}:{self.settings.smtp_port}"

    def connect(self) -> aiosmtplib.SMTP:
        """Return a client that logs in when it connects; encryption is never negotiated away."""
        ours = self.settings
        implicit = ours.smtp_tls and ours.smtp_port == _IMPLICIT_TLS_PORT
        return aiosmtplib.SMTP(
            hostname=ours.smtp_host,
            port=ours.smtp_port,
            username=ours.smtp_username or None,
            password=ours.smtp_password.get_secret_value() or None,
            timeout=ours.timeout_s,
            use_tls=implicit,
            start_tls=ours.smtp_tls and not implicit,
            tls_context=self.tls,
        )


class MailNotices:
    """Sends notices to one address; every mail opens a connection of its own, because servers close idle ones."""

    def __init__(self, to: str, server: MailServer, return_address: ReturnAddress, render: Renderer) -> None:
        self._to = to
        self._server = server
        self._return_address = return_address
        self._render = render
        self._redaction = Redaction(server.settings.smtp_password.get_secret_value())

    async def send(self, notice: Notice, key: str) -> Answer:
        """Send a notice, as Channel.send; delivered once the server has taken the mail."""
        takedown_id = notice.items[0].takedown_id
        try:
            words = await self._hand_over(self.compose(notice, key), self._return_address.of(takedown_id))
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError, MessageError, UnicodeError, ValueError) as error:
            return self._failure(error)
        return Answer("delivered", self._server.address, 250, detail=self._redaction.line(words))

    async def close(self) -> None:
        """Keep nothing open, so close nothing."""

    def compose(self, notice: Notice, key: str) -> EmailMessage:
        """Return the mail of a notice; a repeat with the same key is the same mail."""
        mail = EmailMessage()
        thread = self._return_address.thread(notice.items[0].takedown_id)
        mail["From"] = self._server.settings.mail_from
        mail["To"] = self._to
        if notice.filer.email:
            mail["Reply-To"] = notice.filer.email
        mail["Subject"] = _one_line(self._render.subject(notice))
        mail["Date"] = format_datetime(notice.created_at)
        mail["Message-ID"] = f"<{_one_line(key)}@{self._return_address.domain}>"
        mail["In-Reply-To"] = thread
        mail["References"] = thread
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(self._render.text(notice))
        mail.add_alternative(self._render.html(notice), subtype="html")
        return mail

    async def _hand_over(self, mail: EmailMessage, sender: str) -> str:
        """Return the server's words once it has taken the mail; what goes wrong after that does not matter."""
        client = self._server.connect()
        try:
            async with asyncio.timeout(self._server.settings.timeout_s):
                await client.connect()
                _, words = await client.send_message(mail, sender=sender, recipients=[self._to])
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_QUIT_S)
            return words
        finally:
            client.close()

    def _failure(self, error: Exception) -> Answer:
        code, words = _code_and_words(error)
        outcome = "refused" if _is_final(error, code) else "failed"
        return Answer(
            outcome,  # type: ignore[arg-type]
            self._server.address,
            code,
            error=_name(error, code),
            detail=self._redaction.line(words),
        )


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _code_and_words(error: Exception) -> tuple[int | None, str]:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code if error.code > 0 else None, str(error.message)
    return None, str(error) if isinstance(error, aiosmtplib.SMTPException) else ""


def _is_final(error: Exception, code: int | None) -> bool:
    """Return whether the server refuses this mail; a refused login or greeting is the operator's to mend."""
    about_mail = aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPSenderRefused | aiosmtplib.SMTPDataError
    return isinstance(error, about_mail) and code is not None and code >= _PERMANENT


def _name(error: Exception, code: int | None) -> str:
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return "tls"
    named = next((name for kinds, name in _NAMES if isinstance(error, kinds)), "mail_malformed")
    return f"smtp_{code}" if code is not None and named in {"nonsense", "unavailable"} else named


_NAMES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (aiosmtplib.SMTPAuthenticationError, "authentication"),
    (TimeoutError, "timeout"),
    (aiosmtplib.SMTPResponseException, "nonsense"),
    (aiosmtplib.SMTPServerDisconnected, "half_answer"),
    ((aiosmtplib.SMTPException, OSError), "unavailable"),
)
"""Names of errors, the first that fits; those with a status code are named by it."""
