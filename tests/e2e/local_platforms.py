"""The platforms of the end-to-end run: Bluesky with its event stream, Mastodon, a site with a webhook, and mail."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve

from tests.faults.platforms import recorded
from tests.support.deadline import DEADLINE_S
from tests.support.platforms.bluesky import LocalBluesky
from tests.support.platforms.http_server import Request, Response
from tests.support.platforms.mail import LocalMailServer
from tests.support.platforms.mastodon import LocalMastodon
from tests.support.platforms.webhook import LocalWebhook

_BLOB = "/xrpc/com.atproto.sync.getBlob"
_PAGE = (
    b'<html><head><meta property="og:video" content="/media/clip.mp4"></head><body><video src="/media/clip.mp4">'
    b"</video></body></html>"
)


class Bluesky(LocalBluesky):
    """Also serves the blobs of posts, from a folder of media by the cid."""

    def __init__(self, media: Path) -> None:
        super().__init__()
        self.media = media

    def answer(self, request: Request) -> Response:
        if request.path == _BLOB:
            (cid,) = request.query["cid"]
            file = self.media / f"{cid}.mp4"
            return Response(200, file.read_bytes()) if file.exists() else Response(404)
        return super().answer(request)


class Site(LocalWebhook):
    """A site with pages of videos, which takes notices by webhook."""

    def __init__(self, media: Path) -> None:
        super().__init__()
        self.media = media
        self.gone: set[str] = set()
        self.n_media = 0

    def page(self, name: str) -> str:
        return f"{self.url}/watch/{name}"

    def answer(self, request: Request) -> Response:
        if request.path.startswith("/media/"):
            self.n_media += 1
            return Response(200, (self.media / request.path.removeprefix("/media/")).read_bytes())
        if request.path.startswith("/watch/"):
            is_gone = request.path.removeprefix("/watch/") in self.gone
            return Response(404) if is_gone else Response(200, _PAGE, {"Content-Type": "text/html"})
        return super().answer(request)


class Jetstream:
    """A Jetstream server: recorded events of others first, then what the run sends, to every subscriber."""

    def __init__(self) -> None:
        self.frames = [json.dumps(event) for event in recorded("jetstream-1.jsonl")]
        self.port = 0
        self._more = asyncio.Condition()
        self._is_over = False

    async def __aenter__(self) -> Self:
        self._server = await serve(self._subscriber, "127.0.0.1", 0)
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._more:
            self._is_over = True
            self._more.notify_all()
        self._server.close()
        await self._server.wait_closed()

    async def send(self, event: dict[str, Any]) -> None:
        async with self._more:
            self.frames.append(json.dumps(event))
            self._more.notify_all()

    async def _subscriber(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        cursor = int(parse_qs(urlsplit(connection.request.path).query).get("cursor", ["0"])[0])
        n_sent = 0
        while not self._is_over:
            for frame in self.frames[n_sent:]:
                if json.loads(frame)["time_us"] >= cursor:
                    await connection.send(frame)
            n_sent = len(self.frames)
            async with self._more:
                while len(self.frames) == n_sent and not self._is_over:
                    await self._more.wait()


class LocalPlatforms:
    """All of them in a thread of its own."""

    def __init__(self, media: Path) -> None:
        self.bluesky, self.mastodon = Bluesky(media), LocalMastodon()
        self.site, self.mail = Site(media), LocalMailServer()
        self.loop = asyncio.new_event_loop()

    def call[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Run work in the loop of the servers."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE_S)

    async def _start(self) -> None:
        self.jetstream = Jetstream()
        for server in (self.bluesky, self.mastodon, self.site, self.mail, self.jetstream):
            await server.__aenter__()

    async def _stop(self) -> None:
        for server in (self.bluesky, self.mastodon, self.site, self.mail, self.jetstream):
            await server.__aexit__(None, None, None)

    @classmethod
    @contextmanager
    def running(cls, media: Path) -> Iterator["LocalPlatforms"]:
        """Run them within the block."""
        platforms = cls(media)
        thread = threading.Thread(target=platforms.loop.run_forever, daemon=True)
        thread.start()
        platforms.call(platforms._start())
        try:
            yield platforms
        finally:
            platforms.call(platforms._stop())
            platforms.call(asyncio.sleep(0.05))  # transports close in the loop's next rounds
            platforms.loop.call_soon_threadsafe(platforms.loop.stop)
            thread.join(DEADLINE_S)
            platforms.loop.close()
