"""Search of a case in earlier posts: how far it is; and search on platforms: what was asked, and who waits."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import ServerSentEvent, ServerSentEventMessage

from streams.console.scope import of_case
from streams.console.site import Site
from streams.desk.case_book import CaseBook
from streams.desk.search.words import PlatformState, SearchStates
from streams.desk.searches import SearchState, n_rows

_TICK_S, _MAX_TICKS = 2.0, 1800


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @get("/cases/{case_id:str}/search/events", opt={"right": "read", "owner": of_case})
    async def events(request: Request[Any, Any, Any], case_id: FromPath[str]) -> ServerSentEvent:
        async def states() -> AsyncIterator[ServerSentEventMessage]:
            for _ in range(_MAX_TICKS):
                state = search_state(site, case_id)
                if state is None or state.is_done:
                    break
                values = {"search": state, "n_found": n_found(site, case_id)}
                yield ServerSentEventMessage(data=site.renderer.fragment(request, "search", **values), event="figures")
                await asyncio.sleep(_TICK_S)
            yield ServerSentEventMessage(data="", event="done")

        return ServerSentEvent(states())

    return [events]


def search_state(site: Site, case_id: str) -> SearchState | None:
    """Return how far the search of a case is; None if that is not known."""
    cases = site.store.cases
    return site.store.searches.of_case(case_id, n_rows(cases.entries(case_id)), cases.newest_reference(case_id))


class Asked(NamedTuple):
    """Search of a case's words on platforms, as this machine has it."""

    n_words: int
    platforms: Sequence[PlatformState]


def asked_of(site: Site, case_id: str) -> Asked:
    """Return the search of a case on platforms; without words where the case is kept on another machine."""
    note = CaseBook(site.settings).find(case_id)
    n_words = len(note.searched) if note is not None else 0
    return Asked(n_words, SearchStates(site.settings).read() if n_words else [])


def n_found(site: Site, case_id: str) -> int:
    """Return the number of a case's takedowns and of posts that wait for a decision."""
    counts = site.store.counts.of(case_id)
    return counts.n_found + counts.to_review
