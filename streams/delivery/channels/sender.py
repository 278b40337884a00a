"""Guarded sender of all channels over HTTP: every failure becomes an answer, and no secret gets into one.

No redirect of a request with a body is followed, addresses are checked, answers are read up to 64 KiB within a time
limit. Only a connection that could not be opened is tried again at once, with jitter: then nothing was sent. All other
failures are repeated by the plan of the takedown.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import httpx
import msgspec
import stamina

from streams.delivery.channels.channel import Answer
from streams.delivery.channels.retry_after import retry_after_s
from streams.delivery.web_client import NoReply, Reply, ask, plain
from streams.secrets.redaction import Redaction

MAX_BYTES = 64 * 1024
"""Most bytes read of an answer."""
_ATTEMPTS = 3
_SLUG = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_NEVER = frozenset({"link_private_address", "link_malformed", "link_scheme"})
"""Errors of an address that a repeat cannot mend."""
_REFUSALS = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.CONFLICT,
        HTTPStatus.GONE,
        HTTPStatus.LENGTH_REQUIRED,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS,
    }
)
"""Statuses about the notice itself. The others may pass: 401, 403 and 404 once the operator mends secret or address,
408, 425, 429 and 5xx by themselves, and redirects point at a wrong address."""


class NotSentError(Exception):
    """An attempt that ended before a receipt, with what came of it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.error)
        self.answer = answer


class Sender:
    """Sends the requests of one channel.

    Parameters
    ----------
    client
        Checks addresses; the sender closes it.
    timeout_s
        Longest time of one exchange, seconds.
    redaction
        Secrets of the channel.
    pause_s
        First pause before a connection is tried again; it doubles.
    """

    def __init__(
        self, client: httpx.AsyncClient, timeout_s: float, redaction: Redaction, *, pause_s: float = 0.25
    ) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self.redaction = redaction

    async def close(self) -> None:
        """Close kept connections."""
        await self._client.aclose()

    async def send(self, method: str, url: str, **content: Any) -> Reply:  # noqa: ANN401 - httpx's own values
        """Return the reply of a request that succeeded.

        Parameters
        ----------
        content
            Further arguments of `httpx.AsyncClient.build_request`.

        Raises
        ------
        NotSentError
            It did not.
        """
        reply = await self.ask(method, url, **content)
        if httpx.codes.is_success(reply.status):
            return reply
        raise NotSentError(self.refusal(reply))

    async def ask(self, method: str, url: str, **content: Any) -> Reply:  # noqa: ANN401 - likewise
        """Return the reply of a request, whatever its status.

        Raises
        ------
        NotSentError
            There was none.
        """
        try:
            async for attempt in self._attempts():
                with attempt:
                    return await ask(
                        self._client, method, url, timeout_s=self._timeout_s, max_bytes=MAX_BYTES, **content
                    )
        except NoReply as error:
            raise NotSentError(self._failure(error)) from None  # its causes hold the request, and with it credentials
        raise AssertionError("unreachable: the last attempt returns or raises")

    def answer(self, reply: Reply, receipt: str = "", detail: str = "") -> Answer:
        """Return the answer of a reply that took the notice, acknowledged if there is a receipt."""
        receipt = self.redaction.line(receipt, limit=200)
        outcome = "acknowledged" if receipt else "delivered"
        return Answer(outcome, *_source(reply), receipt=receipt, answer_hash=_digest(reply), detail=detail)  # type: ignore[arg-type]

    def nonsense(self, reply: Reply, missing: str) -> NotSentError:
        """Return the error of a reply that succeeded and lacks what it has to contain."""
        detail = self.redaction.line(f"the answer has no {missing}")
        return NotSentError(
            Answer("failed", *_source(reply), error="nonsense", answer_hash=_digest(reply), detail=detail)
        )

    def refusal(self, reply: Reply) -> Answer:
        """Return the answer of a failed request: refused where the notice is at fault, failed otherwise."""
        error, detail = _named_error(reply)
        return Answer(
            outcome="refused" if reply.status in _REFUSALS else "failed",
            address=_address(reply.address),
            status=reply.status,
            error=self.redaction.line(error, limit=64),
            answer_hash=_digest(reply),
            detail=self.redaction.line(detail),
            retry_after_s=retry_after_s(reply.headers, datetime.now(UTC)),
        )

    def _attempts(self) -> Any:  # noqa: ANN401 - stamina does not export the type
        return stamina.retry_context(
            _is_unopened, attempts=_ATTEMPTS, timeout=None, wait_initial=self._pause_s, wait_jitter=self._pause_s
        )

    def _failure(self, error: NoReply) -> Answer:
        outcome = "refused" if error.error in _NEVER else "failed"
        return Answer(outcome, _address(error.address), error=error.error)  # type: ignore[arg-type]


def fields(reply: Reply) -> Mapping[str, Any]:
    """Return the JSON object of a reply, empty if there is none."""
    try:
        decoded = msgspec.json.decode(reply.body) if reply.whole else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def text_of(value: object) -> str:
    """Return a string or a number of an answer as text, empty for anything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _is_unopened(error: Exception) -> bool:
    return (
        isinstance(error, NoReply) and error.error == "unavailable" and isinstance(error.__cause__, httpx.ConnectError)
    )


def _named_error(reply: Reply) -> tuple[str, str]:
    """Return the error's name, ours if the platform has none, and the platform's words."""
    body = fields(reply)
    name = text_of(body.get("error"))
    words = " ".join(filter(None, (text_of(body.get(field)) for field in ("message", "detail", "title"))))
    slug = (
        name
        if _SLUG.fullmatch(name)
        else "redirect"
        if httpx.codes.is_redirect(reply.status)
        else f"http_{reply.status}"
    )
    return slug, words or name


def _source(reply: Reply) -> tuple[str, int]:
    return _address(reply.address), reply.status


def _address(url: str) -> str:
    """Return an address without its query, which may hold a token."""
    return plain(url).partition("?")[0]


def _digest(reply: Reply) -> bytes:
    return sha256(reply.body).digest()
