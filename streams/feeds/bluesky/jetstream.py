"""Bluesky's Jetstream: every post, edit, deletion and change of an account, as the network sees them.

A restart or a new connection asks for the events since a little before the last one, by time: sequence numbers are each
server's own, times are about the same everywhere, so that another server may take over. What comes twice is told by its
own identity.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlencode, urlsplit

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
)
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from schemas.ids import record_id
from schemas.messages import DeadLetter, Post
from streams.errors import UsageError
from streams.feeds.bluesky.posts import ENTRYWAY, to_record
from streams.feeds.bluesky.wire import POSTS, Event, Notice, ServerError, parse_1, parse_2
from streams.feeds.connection import LostError, connected, reconnecting
from streams.feeds.cursor import Progress
from streams.feeds.deduplication import Deduplicator
from streams.feeds.entry import refuse
from streams.feeds.runner import Batch, Brought
from streams.telemetry import metrics

log = structlog.get_logger()

FEED = "jetstream"
SERVERS = {
    1: "wss://jetstream2.us-east.bsky.network/subscribe",
    2: "wss://jetstream.us-east.bsky.network/xrpc/network.bsky.jetstream.subscribeEvents",
}
"""Public servers of both wires."""

_REWIND_S = 2.0
"""Events of different accounts may pass each other."""
_SWITCH_REWIND_S = 10
"""To another server, which saw them a little earlier or later."""
_FUTURE_S = 600
"""An event further ahead would make all that follow it look old."""
_KEPT_S = 24 * 3600
"""Wire 1 keeps 36 hours and says nothing when more is asked for: then the first event comes much later than asked."""
_GAP_S = 60
_MAX_FRAME_BYTES = 8 * 1024 * 1024
"""A record is at most 1 MiB; anything longer is no post."""
_SUBPROTOCOL = Subprotocol("xrpc.v1.json")
_US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JetstreamOptions:
    """What to listen to, and how."""

    wire: Literal[1, 2] = 2
    url: str = SERVERS[2]
    media_only: bool = False
    """Leave out posts without pictures or video."""
    stall_s: float = 30.0
    """Longest silence; the whole network is never silent."""
    pds: str = ENTRYWAY
    """Server whose getBlob gives the media."""


class _Position(msgspec.Struct, frozen=True):
    """Where to go on."""

    time_us: int
    """Of the newest event."""
    url: str
    """Of the server whose time that is."""


class Jetstream:
    """One subscription, over as many connections as it takes.

    Parameters
    ----------
    options
        As the command was given them.
    progress
        Its position is the newest event's; its parts are what was seen about then.
    """

    def __init__(self, options: JetstreamOptions, progress: Progress) -> None:
        self._options = options
        kept = msgspec.json.decode(progress.position, type=_Position) if progress.position else _Position(0, "")
        self._seen = Deduplicator(progress.parts, kept.time_us, _SWITCH_REWIND_S)
        self._rewind_s = _REWIND_S if kept.url == options.url else _SWITCH_REWIND_S
        self._live = False
        """Go on from now: the server has nothing older."""
        self._skip_us = 0
        """Go on so far after the last event: what lies there is too large to be read."""

    def batches(self) -> AsyncGenerator[Batch]:
        """Return what yields a batch for every frame.

        Raises
        ------
        UsageError
            The server refuses for good.
        """
        return reconnecting(FEED, self._session)

    async def _session(self) -> AsyncGenerator[Batch]:
        asked_us = self._cursor_us()
        # A server that cuts within what is known would let nothing new through: look back less and less.
        self._rewind_s /= 2
        try:
            async with connect(
                _address(self._options, asked_us),
                subprotocols=[_SUBPROTOCOL] if self._options.wire == 2 else None,  # noqa: PLR2004 - as users say it
                max_size=_MAX_FRAME_BYTES,
                close_timeout=1,
                user_agent_header="jikimi",
            ) as connection:
                connected(FEED)
                while (frame := await self._receive(connection)) is not None:
                    for batch in self._read(frame, asked_us):
                        asked_us = None
                        yield batch
        except InvalidStatus as error:
            if asked_us is None or _error_name(error) != "CursorTooOld":
                raise _refusal(error, self._options) from error
            self._live = True
            yield self._gap(asked_us, None, str(error))
        except InvalidURI as error:
            raise UsageError(f"{self._options.url} is no address of a Jetstream: {error}") from error
        except (OSError, InvalidHandshake) as error:
            raise LostError("unreachable", str(error) or type(error).__name__) from error

    def _cursor_us(self) -> int | None:
        """Return since when to ask for events, None for what comes from now on."""
        if self._live or not self._seen.newest_us:
            return None
        return self._seen.newest_us + (self._skip_us or -round(self._rewind_s * _US))

    async def _receive(self, connection: ClientConnection) -> str | bytes | None:
        """Return the next frame, None once the server has closed the connection."""
        try:
            async with asyncio.timeout(self._options.stall_s):
                return await connection.recv()
        except TimeoutError as error:
            raise LostError("stalled", f"silent for {self._options.stall_s:g} s") from error
        except ConnectionClosedOK:
            return None
        except ConnectionClosed as error:
            if error.sent is None or error.sent.code != CloseCode.MESSAGE_TOO_BIG:
                raise LostError("cut", str(error)) from error
            # It would come again and again: go on behind it, at first just behind it.
            self._skip_us = self._skip_us * 2 or _US
            raise LostError("too_large", f"a frame of more than {_MAX_FRAME_BYTES:,} bytes") from error

    def _read(self, frame: str | bytes, asked_us: int | None) -> Iterator[Batch]:
        """Yield what one frame brings.

        Parameters
        ----------
        asked_us
            Since when events were asked for, in the first frame of a connection.
        """
        try:
            told = parse_1(frame) if self._options.wire == 1 else parse_2(frame)
            if isinstance(told, Event) and told.time_us > (time.time() + _FUTURE_S) * _US:
                raise msgspec.ValidationError("an event from the future")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            yield self._malformed(frame, str(error))
            return
        except ServerError as error:
            raise LostError("too_slow" if error.name == "ConsumerTooSlow" else "cut", str(error)) from error
        if isinstance(told, Notice):
            log.warning("the server says", feed=FEED, notice=told.name, message=told.message)
            if told.name == "OutdatedCursor" and asked_us is not None:
                yield self._gap(asked_us, None, told.message)
        elif told is None:
            yield Batch(ignored=1)
        else:
            if self._skip_us or (asked_us is not None and _cut_off(asked_us, told.time_us)):
                yield self._gap(
                    self._seen.newest_us, told.time_us, "the server keeps nothing older, or nothing to read"
                )
            yield self._take(told, frame)

    def _take(self, event: Event, frame: str | bytes) -> Batch:
        self._live, self._skip_us = False, 0
        metrics.FEED_LAG_SECONDS.labels(FEED).set(max(0.0, time.time() - event.time_us / _US))
        if self._seen.knows(event.identity, event.time_us):
            return Batch(ignored=1)
        self._rewind_s = _REWIND_S
        record: Brought | None
        try:
            record = to_record(event, pds=self._options.pds)
        except msgspec.ValidationError as error:
            record = _refused(frame, str(error))
        if record is None or (self._options.media_only and isinstance(record, Post) and not record.media):
            self._seen.newest_us = max(self._seen.newest_us, event.time_us)
            return Batch(position=self._position, ignored=1)
        parts = self._seen.note(event.identity, event.time_us)
        return Batch([record], self._position, parts)

    @property
    def _position(self) -> str:
        return msgspec.json.encode(_Position(self._seen.newest_us, self._options.url)).decode()

    def _malformed(self, frame: str | bytes, detail: str) -> Batch:
        """Return the dead letter of a frame that says no time: it is remembered beside the newest event."""
        letter = _refused(frame, detail)
        if self._seen.knows(letter.dead_letter_id, self._seen.newest_us):
            return Batch(ignored=1)
        return Batch([letter], parts=self._seen.note(letter.dead_letter_id, self._seen.newest_us))

    def _gap(self, since_us: int, until_us: int | None, detail: str) -> Batch:
        """Return a dead letter that says what can never be had: people must know that they have not seen all."""
        since, until = (_iso(since_us), "now" if until_us is None else _iso(until_us))
        log.error("events are missing", feed=FEED, since=since, until=until, detail=detail)
        letter = DeadLetter(
            dead_letter_id=record_id("feed-gap", FEED, self._options.url, since_us, until_us),
            stage=f"feed-{FEED}",
            topic=f"feed-{FEED}",
            partition=0,
            offset=0,
            reason="feed_gap",
            fate="unprocessable",
            detail=f"nothing from {since} to {until}: {detail}",
            at=datetime.now(UTC),
        )
        return Batch([letter])


def _address(options: JetstreamOptions, cursor_us: int | None) -> str:
    """Return the address to connect to; a bare host gets the path of its wire."""
    wanted: dict[str, object] = (
        {"wantedCollections": POSTS} if options.wire == 1 else {"kinds": ["commit", "account"], "collections": POSTS}
    )
    parts = urlsplit(options.url)
    path = parts.path.rstrip("/") or urlsplit(SERVERS[options.wire]).path
    asked = wanted | ({} if cursor_us is None else {"cursor": cursor_us})
    query = "&".join(filter(None, [parts.query, urlencode(asked, doseq=True)]))
    return parts._replace(path=path, query=query).geturl()


def _cut_off(asked_us: int, first_us: int) -> bool:
    """Return whether the server seems to have left out the oldest of what was asked for."""
    return time.time() - asked_us / _US > _KEPT_S and first_us - asked_us > _GAP_S * _US


def _error_name(error: InvalidStatus) -> str:
    """Return what the server calls its refusal, as XRPC has it."""
    try:
        told = msgspec.json.decode(error.response.body or b"", type=dict[str, object])
    except msgspec.MsgspecError:
        return ""
    return str(told.get("error", ""))


def _refusal(error: InvalidStatus, options: JetstreamOptions) -> Exception:
    status, body = error.response.status_code, (error.response.body or b"")[:500].decode(errors="replace")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return LostError("refused", f"{status} {body}")
    return UsageError(f"{options.url} answers {status} to wire {options.wire}: is it a server of that wire? {body}")


def _refused(frame: str | bytes, detail: str) -> DeadLetter:
    raw = frame.encode() if isinstance(frame, str) else frame
    return refuse(raw, feed=FEED, source=FEED, line=0, detail=detail)


def _iso(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / _US, UTC).isoformat(timespec="seconds")
