"""Event of a frame in either of Jetstream's two wire formats.

Wire 1 is the older, at /subscribe; wire 2 is network.bsky.jetstream.subscribeEvents, framed as xrpc.v1.json.
"""

from typing import Any

import msgspec

from streams.feeds.entry_error import EntryError
from streams.feeds.fields import Fields
from streams.feeds.json_text import read_json
from streams.feeds.notes import Notes
from streams.feeds.times import EARLIEST, from_epoch, from_text

POSTS = "app.bsky.feed.post"
_OPERATIONS = {"create", "update", "delete"}
_US = 1_000_000


class Account(msgspec.Struct, frozen=True):
    """Status of an account, as the relay reports it."""

    active: bool
    status: str = ""
    seq: int = 0
    """The relay's, the same on every server."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Change of a record or of an account, with its account and time."""

    did: str
    time_us: int = 0
    """When the server received it; grows along the stream, and is about the same on every server. 0 if not given."""
    notes: Notes
    rev: str = ""
    operation: str = ""
    """create, update or delete; empty for an account."""
    collection: str = ""
    rkey: str = ""
    cid: str = ""
    record: Any = None
    account: Account | None = None

    @property
    def identity(self) -> str:
        """The same when this or another server repeats the event."""
        if self.account is not None:
            status = self.account.status or None
            return f"{self.did} {self.account.seq or self.time_us} {self.account.active} {status}"
        return f"{self.did} {self.rev} {self.operation} {self.collection}/{self.rkey} {self.cid}"


class Notice(msgspec.Struct, frozen=True):
    """Notice of the server about the stream itself."""

    name: str
    message: str = ""
    ends_stream: bool = False
    """True if the server closes the connection and gives a reason, named as in the lexicon."""


def parse_wire_1(frame: str | bytes) -> Event | None:
    """Return the event of a frame of wire 1, None for one of another kind.

    Raises
    ------
    EntryError
        The frame is malformed.
    """
    notes = Notes()
    fields = Fields(read_json(frame, notes), notes)
    kind = fields.text("kind")
    if fields.has("commit"):
        return _commit(fields, fields.within("commit"), _time_us(fields))
    if fields.has("account"):
        return _account(fields, _time_us(fields))
    if kind in {"", "commit", "account"}:
        raise EntryError("a frame without its commit or account")
    return None


def parse_wire_2(frame: str | bytes) -> Event | Notice | None:
    """Return the event or notice of a frame of wire 2, None for one of another kind.

    Raises
    ------
    EntryError
        The frame is malformed.
    """
    notes = Notes()
    fields = Fields(read_json(frame, notes), notes)
    kind = fields.text("$type")
    if kind == "error":
        return Notice(fields.text("error"), fields.text("message"), ends_stream=True)
    if kind != "message":
        raise EntryError(f"a frame of type {kind[:50]!r}")
    payload = fields.within("payload")
    match payload.text("$type").partition("#")[2]:
        case "commit":
            return _commit(payload, payload, _witnessed_us(payload))
        case "account":
            return _account(payload, _witnessed_us(payload))
        case "info":
            return Notice(payload.text("name"), payload.text("message"))
        case "":
            raise EntryError("a message without a type")
        case _:
            return None


def _commit(fields: Fields, commit: Fields, time_us: int) -> Event:
    operation = commit.text("operation")
    if operation not in _OPERATIONS:
        raise EntryError(f"a commit of operation {operation[:50]!r}")
    return Event(
        did=fields.id("did"),
        time_us=time_us,
        notes=fields.notes,
        rev=commit.text("rev"),
        operation=operation,
        collection=commit.id("collection"),
        rkey=commit.id("rkey"),
        cid=commit.text("cid"),
        record=commit.raw("record"),
    )


def _account(fields: Fields, time_us: int) -> Event:
    account = fields.within("account")
    if (active := account.flag("active")) is None:
        raise EntryError("an account event that does not give whether the account is active")
    seq = account.raw("seq")
    is_whole = isinstance(seq, int) and not isinstance(seq, bool)
    found = Account(active, account.text("status"), seq if is_whole else 0)
    return Event(did=fields.id("did"), time_us=time_us, notes=fields.notes, account=found)


def _time_us(fields: Fields) -> int:
    number = fields.raw("time_us")
    return round(number) if from_epoch(number, _US) is not None else 0


def _witnessed_us(payload: Fields) -> int:
    # Not `time` first: an operator may have imported another one, and it then does not grow along the stream.
    time = from_text(payload.raw("witnessedAt")) or from_text(payload.raw("time"))
    return 0 if time is None else round((time - EARLIEST).total_seconds() * _US)
