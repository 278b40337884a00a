"""Messages to case officers: a signed webhook, or a mail."""

import binascii
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib
import httpx
import stamina
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from streams.delivery.channels.mail import MailServer
from streams.desk.hits.bundle import Bundle
from streams.desk.print_report import printable
from streams.errors import UsageError
from streams.settings import Settings

_ATTEMPTS, _ATTEMPTS_S = 3, 20.0
FAILURES = (httpx.HTTPError, aiosmtplib.SMTPException, OSError)
"""Errors of a message that was not taken."""


class Hook:
    """The ways that are set, tried in turn a few times.

    Raises
    ------
    UsageError
        No way is set, or not completely.
    """

    def __init__(self, settings: Settings) -> None:
        hook, delivery = settings.hook, settings.delivery
        if not (hook.url or hook.mail_to):
            raise UsageError("nobody to notify: set JIKIMI_HOOK_URL and JIKIMI_HOOK_SECRET, or JIKIMI_HOOK_MAIL_TO")
        if hook.mail_to and not (delivery.smtp_host and delivery.mail_from):
            raise UsageError("JIKIMI_HOOK_MAIL_TO needs JIKIMI_DELIVERY_SMTP_HOST and JIKIMI_DELIVERY_MAIL_FROM")
        self._settings = settings
        self._webhook = _webhook(hook.secret.get_secret_value()) if hook.url else None

    async def send(self, bundle: Bundle) -> None:
        """Send one message by every way.

        Raises
        ------
        FAILURES
            It was not taken, after some attempts; it may be sent again under the same id.
        """
        if self._webhook is not None:
            await self._post(bundle, self._webhook)
        if self._settings.hook.mail_to:
            await self._mail(bundle)

    @stamina.retry(on=FAILURES, attempts=_ATTEMPTS, timeout=_ATTEMPTS_S)
    async def _post(self, bundle: Bundle, webhook: Webhook) -> None:
        now, payload = datetime.now(UTC), bundle.payload()
        headers = {
            "content-type": "application/json",
            "webhook-id": bundle.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": webhook.sign(bundle.message_id, now, payload.decode()),
        }
        async with httpx.AsyncClient(timeout=_ATTEMPTS_S) as client:
            answer = await client.post(self._settings.hook.url, content=payload, headers=headers)
            answer.raise_for_status()

    @stamina.retry(on=FAILURES, attempts=_ATTEMPTS, timeout=_ATTEMPTS_S)
    async def _mail(self, bundle: Bundle) -> None:
        async with MailServer(self._settings.delivery).connect() as client:
            await client.send_message(self.mail(bundle))

    def mail(self, bundle: Bundle) -> EmailMessage:
        """Return the message as a mail."""
        mail = EmailMessage()
        mail["From"] = self._settings.delivery.mail_from
        mail["To"] = self._settings.hook.mail_to
        mail["Subject"] = printable(f"[jikimi] {bundle.case_id}: {bundle.summary()}")
        mail["Date"] = format_datetime(bundle.until)
        mail["Message-ID"] = f"<{bundle.message_id}@jikimi.invalid>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(bundle.text())
        return mail


def _webhook(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except (EmptyWebhookSecretError, binascii.Error) as error:
        raise UsageError("JIKIMI_HOOK_SECRET is malformed: expected whsec_ and 24 to 64 bytes in base64") from error
