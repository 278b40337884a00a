"""Local mail server that keeps what it takes, and fails in every way that a test asks for.

Failures: a status code of SMTP for the whole mail, or one of

- recipient, recipient_later, sender: 550 or 451 to RCPT, 550 to MAIL
- timeout: no answer to the mail
- reset: the connection is reset when the mail has arrived
- lost_answer: the mail is kept, and the connection reset before the answer
- nonsense: an answer that is no SMTP
- echo_login: the login is refused, and repeated in the answer as it was sent
"""

import asyncio
import base64
import functools
from collections import deque
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, NamedTuple, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.platforms.certificates import server_tls

FAILURES = (
    "recipient", "recipient_later", "sender", "timeout", "reset", "lost_answer", "nonsense", 421, 451, 452, 550, 554,
)  # fmt: skip
_TURNS = 10
"""Of the loop, in which it closes the sockets of aborted connections."""
USERNAME, PASSWORD = "centre", "a password of the mail server"


class Mail(NamedTuple):
    """A mail that was taken."""

    sender: str
    recipients: list[str]
    message: EmailMessage


class LocalMailServer:
    """One server; use it as a context manager.

    Parameters
    ----------
    tls
        Offer STARTTLS with a certificate that no authority has signed.
    login
        Demand a login, over TLS.
    """

    def __init__(self, *, tls: bool = False, login: bool = False) -> None:
        self.mails: list[Mail] = []
        self.host, self.port = "127.0.0.1", 0
        self._failures: deque[str | int] = deque()
        self._options: dict[str, Any] = {"tls_context": server_tls()} if tls else {}
        if login:
            self._options |= {"authenticator": _authenticate, "auth_required": True}
        self._listener: asyncio.Server | None = None
        self.open: set[asyncio.BaseTransport] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        make = functools.partial(_Connection, self, hostname="mail.test", loop=loop, **self._options)
        self._listener = await loop.create_server(make, self.host, 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()
        for transport in list(self.open):
            cast("asyncio.Transport", transport).abort()
        for _turn in range(_TURNS):
            await asyncio.sleep(0)

    def fail_next(self, failure: str | int, *, times: int = 1) -> None:
        """Fail the next mails."""
        self._failures.extend([failure] * times)

    def stop_failing(self) -> None:
        """Fail no more mails."""
        self._failures.clear()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._next_is("sender"):
            return "550 5.7.1 sender refused"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - likewise
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if self._next_is("recipient"):
            return "550 5.1.1 no such mailbox"
        if self._next_is("recipient_later"):
            return "451 4.2.0 greylisted, try later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        failure = self._failures.popleft() if self._failures else None
        if failure in {None, "lost_answer"}:
            self.mails.append(_mail(envelope))
        transport = cast("asyncio.Transport", server.transport)
        match failure:
            case int():
                return f"{failure} {failure // 100}.0.0 not taken"
            case "timeout":
                await asyncio.Event().wait()
            case "reset" | "lost_answer":
                transport.abort()
            case "nonsense":
                return "<!doctype html>"
            case _:
                pass
        return f"250 2.0.0 OK queued as {len(self.mails)}"

    def _next_is(self, failure: str) -> bool:
        if self._failures and self._failures[0] == failure:
            self._failures.popleft()
            return True
        return False


class _Connection(SMTP):
    """Connection that its server can end."""

    def __init__(self, server: LocalMailServer, **options: Any) -> None:
        super().__init__(server, **options)
        self._made: list[asyncio.BaseTransport] = []
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._made.append(transport)  # STARTTLS makes a second one on top of the first
        self._server.open.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.open.difference_update(self._made)
        super().connection_lost(error)


def _mail(envelope: Envelope) -> Mail:
    content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
    message = message_from_bytes(content, policy=policy.default)
    return Mail(envelope.mail_from or "", list(envelope.rcpt_tos), message)


def _authenticate(smtp: SMTP, _: Session, __: Envelope, ___: str, given: Any) -> AuthResult:
    if cast("LocalMailServer", smtp.event_handler)._next_is("echo_login"):
        sent = base64.b64encode(b"\0".join([b"", given.login, given.password])).decode()
        return AuthResult(success=False, handled=False, message=f"535 5.7.8 refused: AUTH PLAIN {sent}")
    right = isinstance(given, LoginPassword) and given == LoginPassword(USERNAME.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)
