"""Addresses and ids of mails that name their takedown: bounces come back to them (VERP)."""

import hashlib
import hmac
import re
from email.utils import parseaddr

from streams.delivery.settings import DeliverySettings
from streams.errors import UsageError

_ID = r"(?P<takedown>[0-9a-fA-F-]{36})(?:-(?P<tag>[0-9a-f]{12}))?"
_IN_MESSAGE_ID = re.compile(rf"<takedown\.{_ID}@[^>\s]{{1,255}}>")
_TAG_LENGTH = 12
_MAX_NAME = 64 - len("+-") - 36 - _TAG_LENGTH
"""Of the mailbox: SMTP allows 64 characters before the @."""


def return_address(settings: DeliverySettings) -> "ReturnAddress":
    """Return the return addresses of the sender of the settings.

    Raises
    ------
    UsageError
        JIKIMI_DELIVERY_MAIL_FROM is no address, or too long.
    """
    name, _, domain = parseaddr(settings.mail_from)[1].rpartition("@")
    if not name or not domain:
        raise UsageError("JIKIMI_DELIVERY_MAIL_FROM is not a mail address")
    if len(name) > _MAX_NAME:
        raise UsageError(f"JIKIMI_DELIVERY_MAIL_FROM may have {_MAX_NAME} characters before the @: bounces add an id")
    return ReturnAddress(settings.mail_from, settings.bounce_key.get_secret_value().encode())


class ReturnAddress:
    """Makes and reads the addresses of one sender.

    Parameters
    ----------
    sender
        Mailbox of the sender, such as notices@centre.example, also as Name <address>.
    key
        Signs the ids, so that nobody can make up a bounce; empty for unsigned ones.
    """

    def __init__(self, sender: str, key: bytes) -> None:
        self.mailbox = parseaddr(sender)[1]
        self._local, _, self.domain = self.mailbox.rpartition("@")
        self._key = key
        self._pattern = re.compile(rf"{re.escape(self._local)}\+{_ID}@{re.escape(self.domain)}", re.IGNORECASE)

    def of(self, takedown_id: str) -> str:
        """Return the envelope's sender of a takedown's mails, of 64 characters at most before the @."""
        return f"{self._local}+{self._tagged(takedown_id)}@{self.domain}"

    def thread(self, takedown_id: str) -> str:
        """Return the message id that all mails of a takedown refer to, and that no mail has."""
        return f"<takedown.{self._tagged(takedown_id)}@{self.domain}>"

    def takedown_of(self, address: str) -> str | None:
        """Return the takedown of an envelope's sender, None if it is none of ours."""
        return self._checked(self._pattern.fullmatch(address.strip().removeprefix("<").removesuffix(">")))

    def takedown_in(self, headers: str) -> str | None:
        """Return the first takedown of ours whose message id is among references, None if there is none."""
        found = (self._checked(match) for match in _IN_MESSAGE_ID.finditer(headers))
        return next((takedown_id for takedown_id in found if takedown_id), None)

    def _tagged(self, takedown_id: str) -> str:
        return f"{takedown_id}-{self._tag(takedown_id)}" if self._key else takedown_id

    def _tag(self, takedown_id: str) -> str:
        return hmac.new(self._key, takedown_id.encode(), hashlib.sha256).hexdigest()[:_TAG_LENGTH]

    def _checked(self, match: re.Match[str] | None) -> str | None:
        if match is None:
            return None
        takedown_id, tag = match["takedown"].lower(), (match["tag"] or "").lower()
        if self._key and not hmac.compare_digest(tag, self._tag(takedown_id)):
            return None
        return takedown_id
