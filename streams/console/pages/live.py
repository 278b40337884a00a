"""Live page: what runs, how far behind it is, and what it left."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import HTTPException
from litestar.response import ServerSentEvent, ServerSentEventMessage

from streams.console.live_figures import FRESH_S
from streams.console.pages.dead_letters import can_be_redriven
from streams.console.site import Site

MAX_STREAMS = 8
_LETTERS = 5
"""Dead letters that are shown, the newest ones."""
_MAX_EVENTS = 900
"""Of one stream, half an hour; the browser then asks again."""


def routes(site: Site) -> list[Any]:
    """Return the handlers."""
    places = asyncio.Semaphore(MAX_STREAMS)

    async def values() -> dict[str, Any]:
        letters = site.store.dead_letters
        newest = list(letters.newest("open", _LETTERS))
        left = {"n_letters": letters.count("open"), "letters": newest, "can_be_redriven": can_be_redriven}
        return {"figures": await site.figures.read(), **left}

    @get("/live", opt={"right": "check"})
    async def live(request: Request[Any, Any, Any]) -> Response[Any]:
        return site.renderer.page(request, "live", **await values())

    @get("/live/events", opt={"right": "check"})
    async def events(request: Request[Any, Any, Any]) -> ServerSentEvent:
        if places.locked():
            raise HTTPException(status_code=HTTPStatus.TOO_MANY_REQUESTS)

        async def figures() -> AsyncIterator[ServerSentEventMessage]:
            async with places:
                for _ in range(_MAX_EVENTS):
                    html = site.renderer.fragment(request, "figures", **await values())
                    yield ServerSentEventMessage(data=html, event="figures")
                    await asyncio.sleep(FRESH_S)

        return ServerSentEvent(figures())

    return [live, events]
