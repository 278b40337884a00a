"""Bluesky's Jetstream: every post, edit, deletion and account change of the network.

A restart or a new connection requests the events since a little before the last one, by time: sequence numbers belong
to one server, but times are about the same on all, so another server may take over. Repeated events are recognised by
their identity.
"""

import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import UTC, datetime

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.frames import CloseCode

from schemas.messages import DeadLetter, Post
from streams.errors import UsageError
from streams.feeds.batch import Batch, FeedRecord
from streams.feeds.bluesky.posts import to_record
from streams.feeds.bluesky.server import MAX_FRAME_BYTES, JetstreamOptions, error_name, next_frame, refusal, subscribe
from streams.feeds.bluesky.wire import Event, Notice, parse_wire_1, parse_wire_2
from streams.feeds.connection import ConnectionLostError, report_connected
from streams.feeds.cursor import Progress
from streams.feeds.dead_letters import entry_dead_letter, gap_dead_letter, unread_dead_letters
from streams.feeds.deduplication import Deduplicator
from streams.feeds.guard import Refusal, guarded
from streams.telemetry import metrics

log = structlog.get_logger()

FEED = "jetstream"

_REWIND_S = 2.0
"""Events of different accounts may arrive out of order."""
_SWITCH_REWIND_S = 10
"""On another server, whose times of the same events are a little earlier or later."""
_FUTURE_S = 600
"""An event further in the future would make all later ones count as old."""
_RETENTION_S = 24 * 3600
"""Wire 1 retains 36 hours and does not report a shorter replay: its first event is then much later than requested."""
_GAP_S = 60
_US = 1_000_000


class _Position(msgspec.Struct, frozen=True):
    time_us: int
    """Of the newest event."""
    url: str
    """Of the server that gave that time."""


class JetstreamFeed:
    """One subscription, over successive connections.

    Parameters
    ----------
    options
        Server and subscription.
    progress
        Its position is that of the newest event; its parts are the seconds of the deduplication.
    """

    def __init__(self, options: JetstreamOptions, progress: Progress) -> None:
        self._options = options
        stored = msgspec.json.decode(progress.position, type=_Position) if progress.position else _Position(0, "")
        self._recent = Deduplicator(progress.parts, stored.time_us, _SWITCH_REWIND_S)
        self._rewind_s = _REWIND_S if stored.url == options.url else _SWITCH_REWIND_S
        self._live = False
        """Resume from now: the server has nothing older."""
        self._skip_us = 0
        """Resume this long after the last event: a frame there is too large to be read."""

    async def session(self) -> AsyncGenerator[Batch]:
        """Yield a batch for each frame of one connection.

        Raises
        ------
        ConnectionLostError
            The connection is lost.
        UsageError
            The server refuses for good.
        """
        requested_us = self._cursor_us()
        # A server that cuts the connection amid repeated events would never send a new one: rewind less each time.
        self._rewind_s /= 2
        try:
            async with subscribe(self._options, requested_us) as connection:
                report_connected(FEED)
                while (frame := await self._receive(connection)) is not None:
                    for batch in self._batches(frame, requested_us):
                        requested_us = None
                        yield batch
        except InvalidStatus as error:
            if requested_us is None or error_name(error) != "CursorTooOld":
                raise refusal(error, self._options) from error
            self._live = True
            yield self._gap(requested_us, None, str(error))
        except InvalidURI as error:
            raise UsageError(f"{self._options.url} is not an address of a Jetstream server: {error}") from error
        except (OSError, InvalidHandshake) as error:
            raise ConnectionLostError("unreachable", str(error) or type(error).__name__) from error

    def _cursor_us(self) -> int | None:
        """Return the time since which to request events, None for events from now on."""
        if self._live or not self._recent.newest_us:
            return None
        return self._recent.newest_us + (self._skip_us or -round(self._rewind_s * _US))

    async def _receive(self, connection: ClientConnection) -> str | bytes | None:
        """Return the next frame, None once the server has closed the connection."""
        try:
            return await next_frame(connection, self._options.stall_s)
        except ConnectionClosedOK:
            return None
        except ConnectionClosed as error:
            if error.sent is None or error.sent.code != CloseCode.MESSAGE_TOO_BIG:
                raise ConnectionLostError("cut", str(error)) from error
            # The frame would be sent again on every connection: resume after it, at first just after it.
            self._skip_us = self._skip_us * 2 or _US
            raise ConnectionLostError("too_large", f"a frame of more than {MAX_FRAME_BYTES:,} bytes") from error

    def _batches(self, frame: str | bytes, requested_us: int | None) -> Iterator[Batch]:
        """Yield the batches of one frame.

        Parameters
        ----------
        requested_us
            Time since which events were requested, in the first frame of a connection.
        """
        parse = parse_wire_1 if self._options.wire == 1 else parse_wire_2
        parsed = guarded(FEED, lambda: parse(frame), lambda refusal: refusal)
        if isinstance(parsed, Refusal):
            yield self._malformed(frame, parsed)
        elif isinstance(parsed, Notice):
            yield from self._notice_batches(parsed, requested_us)
        elif parsed is None:
            yield Batch(ignored=1)
        else:
            event = self._timed(parsed)
            if self._skip_us or (requested_us is not None and _is_truncated(requested_us, event.time_us)):
                detail = "the server retains no older events, or a frame was too large"
                yield self._gap(self._recent.newest_us, event.time_us, detail)
            yield self._event_batch(event, frame)

    def _notice_batches(self, notice: Notice, requested_us: int | None) -> Iterator[Batch]:
        text = f"{notice.name}: {notice.message}"
        if notice.ends_stream:
            raise ConnectionLostError("too_slow" if notice.name == "ConsumerTooSlow" else "cut", text)
        log.warning("notice from the server", feed=FEED, notice=notice.name, message=notice.message)
        if notice.name == "OutdatedCursor" and requested_us is not None:
            yield self._gap(requested_us, None, notice.message)

    def _timed(self, event: Event) -> Event:
        """Return an event with a time: one without, or from the future, gets that of the newest event if there is one.

        Any later time, such as now, would make the events between the two count as old.
        """
        now_us = round(time.time() * _US)
        if 0 < event.time_us <= now_us + _FUTURE_S * _US:
            return event
        event.notes.add("the event's time is missing or not from 1970 to now, as seen")
        return msgspec.structs.replace(event, time_us=self._recent.newest_us)

    def _event_batch(self, event: Event, frame: str | bytes) -> Batch:
        self._live, self._skip_us = False, 0
        if event.time_us:
            metrics.FEED_LAG_SECONDS.labels(FEED).set(max(0.0, time.time() - event.time_us / _US))
        if self._recent.is_duplicate(event.identity, event.time_us):
            return Batch(ignored=1)
        self._rewind_s = _REWIND_S
        found = guarded(FEED, lambda: self._records(event, frame), lambda refusal: [_dead_letter(frame, refusal)])
        if not found:
            self._recent.newest_us = max(self._recent.newest_us, event.time_us)
            return Batch(position=self._position, ignored=1)
        parts = self._recent.add(event.identity, event.time_us)
        return Batch(found, self._position, parts)

    def _records(self, event: Event, frame: str | bytes) -> Sequence[FeedRecord]:
        """Return the record of an event, and the dead letters beside it."""
        record = to_record(event, pds=self._options.pds)
        if not isinstance(record, Post):
            return [] if record is None else [record]
        letters = unread_dead_letters(event.notes, record.post_id, _bytes(frame), feed=FEED)
        is_left_out = self._options.media_only and not record.media
        return [*([] if is_left_out else [record]), *letters]

    @property
    def _position(self) -> str:
        return msgspec.json.encode(_Position(self._recent.newest_us, self._options.url)).decode()

    def _malformed(self, frame: str | bytes, refusal: Refusal) -> Batch:
        """Return the dead letter of a frame without a time; deduplication stores it beside the newest event."""
        letter = _dead_letter(frame, refusal)
        if self._recent.is_duplicate(letter.dead_letter_id, self._recent.newest_us):
            return Batch(ignored=1)
        return Batch([letter], parts=self._recent.add(letter.dead_letter_id, self._recent.newest_us))

    def _gap(self, since_us: int, until_us: int | None, detail: str) -> Batch:
        since, until = (_iso(since_us), "now" if until_us is None else _iso(until_us))
        log.error("events are missing", feed=FEED, since=since, until=until, detail=detail)
        text = f"events from {since} to {until} are missing: {detail}"
        return Batch([gap_dead_letter(self._options.url, since_us, until_us, feed=FEED, detail=text)])


def _is_truncated(requested_us: int, first_us: int) -> bool:
    """Return whether the server seems to have left out the oldest of the requested events."""
    return time.time() - requested_us / _US > _RETENTION_S and first_us - requested_us > _GAP_S * _US


def _dead_letter(frame: str | bytes, refusal: Refusal) -> DeadLetter:
    return entry_dead_letter(_bytes(frame), feed=FEED, source=FEED, line=0, refusal=refusal)


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode(errors="surrogatepass") if isinstance(frame, str) else frame


def _iso(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / _US, UTC).isoformat(timespec="seconds")
