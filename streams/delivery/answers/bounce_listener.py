"""Mail server for bounces: it takes mail for the return addresses of notices, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Session
from aiosmtpd.smtp import Envelope as SmtpEnvelope

from streams.delivery.answers.app import Write
from streams.delivery.answers.bounce import Envelope, bounce_of
from streams.delivery.channels.return_address import ReturnAddress
from streams.feeds.http.record_queue import BrokerUnavailableError, QueueFullError
from streams.feeds.http.server import listen
from streams.telemetry import metrics

log = structlog.get_logger()

MAX_BYTES = 1024 * 1024
"""Of a mail: a bounce returns at most the notice."""
MAX_CONNECTIONS = 50
_IDLE_S = 60.0
_MAX_RECIPIENTS = 10


class BounceListener:
    """Handler of aiosmtpd for the mails of all connections."""

    def __init__(self, addresses: ReturnAddress, write: Write) -> None:
        self._addresses = addresses
        self._write = write
        self.n_open = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: SmtpEnvelope, address: str, ___: list[str]
    ) -> str:
        """Accept the return addresses and the mailbox itself."""
        if len(envelope.rcpt_tos) >= _MAX_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        if self._addresses.takedown_of(address) is None and address.lower() != self._addresses.mailbox.lower():
            metrics.ANSWERS.labels("bounce", "forged").inc()
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: SmtpEnvelope) -> str:  # noqa: N802 - likewise
        """Write the answer of a bounce; other mails are taken and dropped."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = Envelope(envelope.mail_from or "", list(envelope.rcpt_tos), content)
        answer = await asyncio.to_thread(bounce_of, mail, self._addresses, datetime.now(UTC))
        if answer is None:
            metrics.ANSWERS.labels("bounce", "ignored").inc()
            log.info("mail ignored: it is not a bounce of a notice")
            return "250 OK"
        try:
            await self._write(answer)
        except (BrokerUnavailableError, QueueFullError):
            metrics.ANSWERS.labels("bounce", "unavailable").inc()
            return "451 4.3.0 try again later"
        metrics.ANSWERS.labels("bounce", "accepted").inc()
        return "250 OK"

    def connection(self) -> asyncio.BaseProtocol:
        """Return the protocol of a new connection."""
        return _Connection(self) if self.n_open < MAX_CONNECTIONS else _Busy()


class _Connection(SMTP):
    def __init__(self, listener: BounceListener) -> None:
        super().__init__(
            listener, data_size_limit=MAX_BYTES, timeout=_IDLE_S, hostname="jikimi", loop=asyncio.get_running_loop()
        )
        self._listener = listener

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as the overridden method
        """Count the connection."""
        self._listener.n_open += 1
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Count the connection's end."""
        self._listener.n_open -= 1
        super().connection_lost(error)


class _Busy(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Turn the connection away; its sender comes back later."""
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"421 4.3.2 too many connections\r\n")
        transport.close()


@asynccontextmanager
async def listening(listener: BounceListener, host: str, port: int) -> AsyncIterator[int]:
    """Take mails while the block runs; the value is the port.

    Raises
    ------
    UsageError
        The address cannot be listened on.
    """
    server = await asyncio.get_running_loop().create_server(listener.connection, sock=listen(host, port))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
