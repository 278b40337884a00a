"""Page of dead letters: records that stages gave up on; one can be put back, once."""

from itertools import islice
from typing import Any, cast

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from streams.console.site import Site
from streams.engine.dead_letter_index import Entry, State
from streams.topology import redriven_topics

PAGE = 50
_MAX_PAGES = 40
"""The newest 2,000; the command shows all."""
_STATES = ("open", "redriven", "all")


def can_be_redriven(letter: Entry) -> bool:
    """Return whether a dead letter can be put back: it was not yet, and its topic may be written to again."""
    return letter.times is None and letter.topic in redriven_topics(letter.stage)


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @get("/dead-letters", opt={"right": "inspect"})
    async def page(request: Request[Any, Any, Any]) -> Response[Any]:
        query = request.query_params
        state = cast("State", query.get("state") if query.get("state") in _STATES else "open")
        number = min(int(query.get("page", "0")), _MAX_PAGES) if query.get("page", "0").isdecimal() else 0
        index = site.store.dead_letters
        found = list(islice(index.newest(state, (number + 1) * PAGE + 1), number * PAGE, None))
        return site.renderer.page(
            request,
            "dead_letters",
            letters=found[:PAGE],
            state=state,
            states=_STATES,
            number=number,
            has_next=len(found) > PAGE and number < _MAX_PAGES,
            counts={one: index.count(cast("State", one)) for one in _STATES},
            can_be_redriven=can_be_redriven,
        )

    @post("/dead-letters/{letter_id:str}/redrive", opt={"right": "redrive"})
    async def redrive(request: Request[Any, Any, Any], letter_id: FromPath[str]) -> Response[Any]:
        if not letter_id:
            raise NotFoundException
        outcome = await site.actions(request).redrive(letter_id)
        return site.renderer.page(request, "redriven", outcome=outcome)

    return [page, redrive]
