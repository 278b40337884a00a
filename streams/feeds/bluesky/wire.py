"""The frames of Jetstream's two wires as one kind of event.

Wire 1 is the older, at /subscribe; wire 2 is network.bsky.jetstream.subscribeEvents, framed as xrpc.v1.json.
"""

from datetime import datetime
from typing import Any

import msgspec

POSTS = "app.bsky.feed.post"
_MESSAGE, _ERROR = "message", "error"


class Account(msgspec.Struct, frozen=True):
    """What became of an account, as the relay said it."""

    active: bool
    status: str | None = None
    seq: int = 0
    """The relay's, the same whoever passes it on."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one record, or of an account."""

    did: str
    time_us: int
    """When the server saw it; grows with the stream, and is about the same on every server."""
    rev: str = ""
    operation: str = ""
    """create, update or delete; empty when it is not about a record."""
    collection: str = ""
    rkey: str = ""
    cid: str = ""
    record: Any = None
    account: Account | None = None

    @property
    def identity(self) -> str:
        """What is the same when another server tells it, or this one again."""
        if self.account is not None:
            return f"{self.did} {self.account.seq or self.time_us} {self.account.active} {self.account.status}"
        return f"{self.did} {self.rev} {self.operation} {self.collection}/{self.rkey} {self.cid}"


class Notice(msgspec.Struct, frozen=True):
    """What the server says about the stream itself."""

    name: str
    message: str = ""


class ServerError(Exception):
    """The server says why it ends the stream.

    Parameters
    ----------
    name
        As in the lexicon.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


class _Commit(msgspec.Struct, frozen=True):
    rev: str
    operation: str
    collection: str
    rkey: str
    cid: str = ""
    record: Any = None


class _Frame1(msgspec.Struct, frozen=True):
    did: str
    time_us: int
    kind: str
    commit: _Commit | None = None
    account: Account | None = None


class _Payload2(msgspec.Struct, frozen=True):
    type: str = msgspec.field(name="$type")
    did: str = ""
    time: datetime | None = None
    witnessed_at: datetime | None = msgspec.field(name="witnessedAt", default=None)
    rev: str = ""
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    cid: str = ""
    record: Any = None
    account: Account | None = None
    name: str = ""
    message: str = ""


class _Frame2(msgspec.Struct, frozen=True):
    type: str = msgspec.field(name="$type")
    payload: msgspec.Raw = msgspec.Raw(b"")
    error: str = ""
    message: str = ""


def parse_1(frame: str | bytes) -> Event | None:
    """Return the event of a frame of wire 1, None for one that is of no use here.

    Raises
    ------
    msgspec.MsgspecError
        If it is not what a server sends.
    """
    told = msgspec.json.decode(frame, type=_Frame1)
    if told.commit is not None:
        fields = {name: getattr(told.commit, name) for name in _Commit.__struct_fields__}
        return Event(did=told.did, time_us=told.time_us, **fields)
    if told.account is not None:
        return Event(did=told.did, time_us=told.time_us, account=told.account)
    if told.kind in {"commit", "account"}:
        raise msgspec.ValidationError(f"no {told.kind} in a frame of this kind")
    return None


def parse_2(frame: str | bytes) -> Event | Notice | None:
    """Return the event or notice of a frame of wire 2, None for one that is of no use here.

    Raises
    ------
    msgspec.MsgspecError
        If it is not what a server sends.
    ServerError
        The server ends the stream.
    """
    told = msgspec.json.decode(frame, type=_Frame2)
    if told.type == _ERROR:
        raise ServerError(told.error, told.message)
    if told.type != _MESSAGE:
        raise msgspec.ValidationError(f"a frame of type {told.type!r}")
    payload = msgspec.json.decode(told.payload, type=_Payload2)
    match payload.type.partition("#")[2]:
        case "commit":
            fields = ("rev", "operation", "collection", "rkey", "cid", "record")
            return _event_2(payload, **{name: getattr(payload, name) for name in fields})
        case "account" if payload.account is not None:
            return _event_2(payload, account=payload.account)
        case "info":
            return Notice(payload.name, payload.message)
        case "account":
            raise msgspec.ValidationError("no account in a frame of this kind")
        case _:
            return None


def _event_2(payload: _Payload2, **fields: Any) -> Event:  # noqa: ANN401 - as in Event
    # Not `time`: an operator may have imported another one, and it then does not grow with the stream.
    time = payload.witnessed_at or payload.time
    if time is None or time.tzinfo is None or not payload.did:
        raise msgspec.ValidationError("an event without a time or an account")
    return Event(did=payload.did, time_us=microseconds(time), **fields)


def microseconds(time: datetime) -> int:
    """Return a time as microseconds since the epoch."""
    return round(time.timestamp() * 1_000_000)
