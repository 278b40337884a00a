"""A Jetstream and a Mastodon server on loopback: they send a schedule of recorded events, and may misbehave.

The schedule runs with or without a subscriber, as on the real ones; only Mastodon's edits and deletions, which no
server repeats, wait for a subscriber.
"""

import asyncio
import copy
import json
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.support.deadline import DEADLINE_S

WIRE = Path(__file__).parent / "wire"
_POLL_INTERVAL_S = 0.002
_US = 1_000_000
_FAULTS = ("cut", "stall", "repeat", "jump", "nonsense", "close")


def recorded(name: str) -> list[dict[str, Any]]:
    """Return recorded events."""
    return [json.loads(line) for line in (WIRE / name).read_text().splitlines()]


class Platform:
    """A server in a thread of its own, running within its `with` block.

    Parameters
    ----------
    rate
        Events a second.
    misbehaves
        Whether it cuts connections, stalls, repeats events, jumps back and sends nonsense.
    """

    def __init__(self, seed: int, *, rate: float = 100.0, misbehaves: bool = False) -> None:
        self.random = random.Random(seed)
        self.rate = rate
        self.misbehaves = misbehaves
        self.n_connections = 0
        self.ends_early = False
        """Ends the schedule early."""
        self.done = False
        """Whether the schedule is at its end."""
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        self.call(self.start())
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self.stop())
        self.call(asyncio.sleep(0.05))  # transports close in the loop's next rounds
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(DEADLINE_S)
        self.loop.close()

    def call[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE_S)

    def run(self) -> None:
        """Start the schedule."""
        self.loop.call_soon_threadsafe(lambda: setattr(self, "_running", asyncio.ensure_future(self._run())))

    async def start(self) -> None:
        raise NotImplementedError

    async def _run(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def next_fault(self) -> tuple[int, str]:
        """Return the number of frames before the next fault of a connection, and the fault."""
        if not self.misbehaves:
            return 1_000_000, ""
        return self.random.randrange(20, 120), self.random.choice(_FAULTS)


class Jetstream(Platform):
    """A Jetstream server of one of the wires."""

    def __init__(self, wire: int, n_events: int, seed: int, **options: Any) -> None:
        super().__init__(seed, **options)
        self.wire = wire
        self.accounts = f"did:plc:wire{wire}"
        """Prefix of its accounts' DIDs."""
        self.schedule = list(self._scheduled(n_events))
        self.published: list[dict[str, Any]] = []
        """Events so far, with their times."""

    async def start(self) -> None:
        subprotocols: Any = ["xrpc.v1.json"] if self.wire == 2 else None
        self.server: Server = await serve(self._subscribe, "127.0.0.1", 0, subprotocols=subprotocols)
        self.port = next(iter(self.server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        await super().stop()
        self.server.close()
        await self.server.wait_closed()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def _run(self) -> None:
        due = time.monotonic()
        for event in self.schedule:
            if self.ends_early:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += 1 / self.rate
            self.published.append(self._stamped(event, len(self.published) + 1))
        self.done = True

    async def _subscribe(self, connection: ServerConnection) -> None:
        self.n_connections += 1
        assert connection.request is not None
        parameters = parse_qs(urlsplit(connection.request.path).query)
        cursor = int(parameters.get("cursor", ["0"])[0])
        at = next((n for n, event in enumerate(self.published) if _time_us(event) >= cursor), len(self.published))
        left, fault = self.next_fault()
        with suppress(ConnectionClosed):
            while True:
                while at >= len(self.published):  # noqa: ASYNC110 - several wait, each for its own
                    await asyncio.sleep(_POLL_INTERVAL_S)
                await connection.send(json.dumps(self.published[at]))
                at, left = at + 1, left - 1
                if left == 0:
                    at = await self._misbehave(connection, fault, at)
                    left, fault = self.next_fault()

    async def _misbehave(self, connection: ServerConnection, fault: str, at: int) -> int:
        match fault:
            case "cut":
                connection.transport.abort()
                await asyncio.sleep(0.1)
            case "stall":
                await asyncio.sleep(30)
            case "close":
                await connection.close()
            case "repeat":
                return max(0, at - 15)
            case "jump":
                return max(0, at - 300)
            case "nonsense":
                await connection.send(f"{{ nonsense {self.random.random()}")
            case _:
                pass
        return at

    def _stamped(self, event: dict[str, Any], seq: int) -> dict[str, Any]:
        now_us = time.time_ns() // 1000
        if self.wire == 1:
            return event | {"time_us": now_us}
        iso = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now_us // _US))}.{now_us % _US:06d}Z"
        return event | {"payload": event["payload"] | {"seq": seq, "time": iso, "witnessedAt": iso}}

    def _scheduled(self, n_events: int) -> Iterator[dict[str, Any]]:
        """Yield recorded events under new accounts and keys; edits and deletions follow their posts."""
        templates = recorded(f"jetstream-{self.wire}.jsonl")
        living: list[tuple[str, str]] = []
        for number in range(n_events):
            event = copy.deepcopy(self.random.choice(templates))
            body = event if self.wire == 1 else event["payload"]
            body["did"] = f"{self.accounts}x{number % 40}"
            commit = body.get("commit", body)
            if "account" in body:
                body["account"] |= {"did": body["did"], "seq": number}
            elif commit.get("operation") == "create":
                commit |= {"rkey": f"3l{number:06d}", "cid": f"bafy{number}", "rev": f"3m{number:06d}"}
                living.append((body["did"], commit["rkey"]))
            elif "operation" in commit:
                if not living:
                    continue
                post = self.random.choice(living)
                body["did"], commit["rkey"] = post
                commit["rev"] = f"3m{number:06d}"
                if commit["operation"] == "delete":
                    living.remove(post)
                else:
                    commit["cid"] = f"bafy{number}"
            yield event


def _time_us(event: dict[str, Any]) -> int:
    if "time_us" in event:
        return int(event["time_us"])
    whole, _, micros = event["payload"]["witnessedAt"].removesuffix("Z").partition(".")
    return int(time.mktime(time.strptime(whole + "UTC", "%Y-%m-%dT%H:%M:%S%Z")) - time.timezone) * _US + int(micros)


class Mastodon(Platform):
    """A Mastodon server: its streams by both transports, its public timeline, and its instance data."""

    def __init__(self, n_events: int, seed: int, *, by_websocket: bool = False, **options: Any) -> None:
        super().__init__(seed, **options)
        self.n_events = n_events
        self.by_websocket = by_websocket
        self.statuses: dict[str, dict[str, Any]] = {}
        """Current statuses by id."""
        self.published: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.edited: list[str] = []
        self._subscribers: set[asyncio.Queue[tuple[str, str]]] = set()
        self._templates = recorded("mastodon.jsonl")

    async def start(self) -> None:
        self.http = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self.http.sockets[0].getsockname()[1]
        self.sockets = await serve(self._subscribe, "127.0.0.1", 0)
        self.socket_port = next(iter(self.sockets.sockets)).getsockname()[1]

    async def stop(self) -> None:
        await super().stop()
        self.http.close()
        self.sockets.close()
        await self.sockets.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _run(self) -> None:
        for number in range(self.n_events):
            if self.ends_early:
                break
            await asyncio.sleep(1 / self.rate)
            kind = self.random.choices(["new", "edit", "delete"], [8, 1, 1])[0]
            living = [key for key, status in self.statuses.items() if status["reblog"] is None]
            if kind == "new" or not living or not self._subscribers:
                self._publish(number)
            elif kind == "edit":
                self._edit(self.random.choice(living[-50:]), number)
            else:
                deleted = self.random.choice(living[-50:])
                del self.statuses[deleted]
                self.deleted.append(deleted)
                self._send("delete", deleted)
        self.done = True

    def _publish(self, number: int) -> None:
        status = copy.deepcopy(self.random.choice(self._templates))
        originals = [original for original in self.statuses.values() if original["reblog"] is None]
        status |= {"id": _snowflake(number), "uri": f"https://birds.example/s/{number}", "created_at": _now()}
        status["url"] = f"https://birds.example/@heron/{number}"
        if status["reblog"] is not None:
            if not originals:
                return
            status["reblog"] = copy.deepcopy(self.random.choice(originals))
        self.statuses[status["id"]] = status
        self.published.append(status)
        self._send("update", json.dumps(status))

    def _edit(self, key: str, number: int) -> None:
        self.statuses[key] = self.statuses[key] | {"edited_at": _now(), "content": f"<p>edited {number}</p>"}
        self.edited.append(key)
        self._send("status.update", json.dumps(self.statuses[key]))

    def _send(self, event: str, payload: str) -> None:
        for subscriber in self._subscribers:
            subscriber.put_nowait((event, payload))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # The event loop would report a cancellation as an error.
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            target = (await reader.readuntil(b"\r\n\r\n")).decode().split()[1]
            parts = urlsplit(target)
            if parts.path.startswith("/api/v1/streaming"):
                return await self._stream(writer)
            body = self._page(parse_qs(parts.query)) if "timelines" in parts.path else self._instance()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()

    def _instance(self) -> bytes:
        return json.dumps({"configuration": {"urls": {"streaming": self._streaming}}}).encode()

    @property
    def _streaming(self) -> str:
        return f"ws://127.0.0.1:{self.socket_port}" if self.by_websocket else self.url

    def _page(self, parameters: dict[str, list[str]]) -> bytes:
        since = int(parameters["min_id"][0])
        later = sorted((status for status in self.statuses.values() if int(status["id"]) > since), key=_id)[:40]
        return json.dumps(later[::-1]).encode()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n:)\n\n")

        async def send(event: str, payload: str) -> None:
            writer.write(f"event: {event}\ndata: {payload}\n\n".encode())
            await writer.drain()

        async def send_heartbeat() -> None:
            writer.write(b":thump\n\n")
            await writer.drain()

        await self._serve_subscriber(send, send_heartbeat, writer.transport.abort)

    async def _subscribe(self, connection: ServerConnection) -> None:
        async def send(event: str, payload: str) -> None:
            await connection.send(json.dumps({"stream": ["public"], "event": event, "payload": payload}))

        async def send_heartbeat() -> None:
            pass

        with suppress(ConnectionClosed):
            await self._serve_subscriber(send, send_heartbeat, connection.transport.abort)

    async def _serve_subscriber(
        self,
        send: Callable[[str, str], Awaitable[None]],
        send_heartbeat: Callable[[], Awaitable[None]],
        cut: Callable[[], None],
    ) -> None:
        self.n_connections += 1
        events: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._subscribers.add(events)
        left, fault = self.next_fault()
        last: list[tuple[str, str]] = []
        try:
            while True:
                try:
                    event = await asyncio.wait_for(events.get(), 0.3)
                except TimeoutError:
                    await send_heartbeat()
                    continue
                await send(*event)
                last, left = [*last[-15:], event], left - 1
                if left == 0:
                    if fault in {"cut", "close"}:
                        cut()
                        return
                    if fault == "stall":
                        self._subscribers.discard(events)
                        await asyncio.sleep(30)
                    if fault in {"repeat", "jump"}:
                        for repeated in last:
                            await send(*repeated)
                    if fault == "nonsense":
                        await send("update", f"{{ nonsense {self.random.random()}")
                    left, fault = self.next_fault()
        finally:
            self._subscribers.discard(events)


def _snowflake(number: int) -> str:
    return str((time.time_ns() // 1_000_000 << 16) + number % 65536)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() // 1_000_000 % 1000:03d}Z"


def _id(status: dict[str, Any]) -> int:
    return int(status["id"])
