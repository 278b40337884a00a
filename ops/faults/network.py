"""A network between workers and brokers that can be cut: a relay in front of each node, which can hold every byte."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self

_CHUNK_BYTES = 64 * 1024
_ANSWER_S = 10.0


class Network:
    """Relays on loopback, within its `with` block.

    Parameters
    ----------
    routes
        Port to listen on, and port of the node behind it.
    """

    def __init__(self, routes: Sequence[tuple[int, int]]) -> None:
        self._routes = routes
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._whole = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def bootstrap(self) -> str:
        """Addresses for clients behind this network."""
        return ",".join(f"127.0.0.1:{port}" for port, _ in self._routes)

    def cut(self) -> None:
        """Hold every byte, and every new connection, as a cable that is pulled out does."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """Let everything through, the bytes held first."""
        self._loop.call_soon_threadsafe(self._whole.set)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_S)

    async def _listen(self) -> None:
        self._whole.set()
        self._servers = [
            await asyncio.start_server(partial(self._accept, to), "127.0.0.1", port) for port, to in self._routes
        ]

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, to: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(OSError, asyncio.CancelledError):
            await self._whole.wait()
            node_reader, node_writer = await asyncio.open_connection("127.0.0.1", to)
            ways = (self._relay(reader, node_writer), self._relay(node_reader, writer))
            _, open_ways = await asyncio.wait(
                [asyncio.ensure_future(way) for way in ways], return_when="FIRST_COMPLETED"
            )
            for way in open_ways:
                way.cancel()
            node_writer.close()
        writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                await self._whole.wait()
                writer.write(chunk)
                await writer.drain()
