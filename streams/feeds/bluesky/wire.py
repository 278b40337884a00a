"""Event of a frame in either of Jetstream's two wire formats.

Wire 1 is the older, at /subscribe; wire 2 is network.bsky.jetstream.subscribeEvents, framed as xrpc.v1.json.
"""

from datetime import datetime
from typing import Any

import msgspec

POSTS = "app.bsky.feed.post"
_MESSAGE, _ERROR = "message", "error"


class Account(msgspec.Struct, frozen=True):
    """Status of an account, as the relay reports it."""

    active: bool
    status: str | None = None
    seq: int = 0
    """The relay's, the same on every server."""


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    rev: str = ""
    operation: str = ""
    """create, update or delete; empty for an account."""
    collection: str = ""
    rkey: str = ""
    cid: str = ""
    record: Any = None
    account: Account | None = None


class Event(_Change, frozen=True, kw_only=True):
    """Change of a record or of an account, with its account and time."""

    did: str
    time_us: int
    """When the server received it; grows along the stream, and is about the same on every server."""

    @property
    def identity(self) -> str:
        """The same when this or another server repeats the event."""
        if self.account is not None:
            return f"{self.did} {self.account.seq or self.time_us} {self.account.active} {self.account.status}"
        return f"{self.did} {self.rev} {self.operation} {self.collection}/{self.rkey} {self.cid}"


class Notice(msgspec.Struct, frozen=True):
    """Notice of the server about the stream itself."""

    name: str
    message: str = ""


class ServerError(Exception):
    """The server ends the stream and gives a reason.

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


class _Payload2(_Change, frozen=True, kw_only=True):
    type: str = msgspec.field(name="$type")
    did: str = ""
    time: datetime | None = None
    witnessed_at: datetime | None = msgspec.field(name="witnessedAt", default=None)
    name: str = ""
    message: str = ""


class _Frame2(msgspec.Struct, frozen=True):
    type: str = msgspec.field(name="$type")
    payload: msgspec.Raw = msgspec.Raw(b"")
    error: str = ""
    message: str = ""


def parse_wire_1(frame: str | bytes) -> Event | None:
    """Return the event of a frame of wire 1, None for one of another kind.

    Raises
    ------
    msgspec.MsgspecError
        The frame is malformed.
    """
    parsed = msgspec.json.decode(frame, type=_Frame1)
    if parsed.commit is not None:
        return Event(did=parsed.did, time_us=parsed.time_us, **_commit_fields(parsed.commit))
    if parsed.account is not None:
        return Event(did=parsed.did, time_us=parsed.time_us, account=parsed.account)
    if parsed.kind in {"commit", "account"}:
        raise msgspec.ValidationError(f"no {parsed.kind} in a frame of this kind")
    return None


def parse_wire_2(frame: str | bytes) -> Event | Notice | None:
    """Return the event or notice of a frame of wire 2, None for one of another kind.

    Raises
    ------
    msgspec.MsgspecError
        The frame is malformed.
    ServerError
        The server ends the stream.
    """
    parsed = msgspec.json.decode(frame, type=_Frame2)
    if parsed.type == _ERROR:
        raise ServerError(parsed.error, parsed.message)
    if parsed.type != _MESSAGE:
        raise msgspec.ValidationError(f"a frame of type {parsed.type!r}")
    payload = msgspec.json.decode(parsed.payload, type=_Payload2)
    match payload.type.partition("#")[2]:
        case "commit":
            return _event_2(payload, **_commit_fields(payload))
        case "account" if payload.account is not None:
            return _event_2(payload, account=payload.account)
        case "info":
            return Notice(payload.name, payload.message)
        case "account":
            raise msgspec.ValidationError("no account in a frame of this kind")
        case _:
            return None


def _commit_fields(commit: _Commit | _Payload2) -> dict[str, Any]:
    return {name: getattr(commit, name) for name in _Commit.__struct_fields__}


def _event_2(payload: _Payload2, **fields: Any) -> Event:  # noqa: ANN401 - as in Event
    # Not `time`: an operator may have imported another one, and it then does not grow along the stream.
    time = payload.witnessed_at or payload.time
    if time is None or time.tzinfo is None or not payload.did:
        raise msgspec.ValidationError("an event without a time or an account")
    return Event(did=payload.did, time_us=round(time.timestamp() * 1_000_000), **fields)
