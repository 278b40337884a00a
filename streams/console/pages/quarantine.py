"""A reference under quarantine: ten of the alignments that rest on it, and its confirmation or withdrawal."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from schemas.messages import Takedown
from streams.console.pages.parts import ShownMatch, shown_matches
from streams.console.scope import of_case
from streams.console.site import Site
from streams.console.words import Words

LOOK_AT = 10
"""Alignments shown, of as many accounts as possible."""
_LOOKED_THROUGH = 500
"""Takedowns among which they are chosen: those held first, then the last ones."""


class Alignment(NamedTuple):
    """How one post matches the reference."""

    takedown_id: str
    platform: str
    author: str | None
    seen_at: datetime
    matches: list[ShownMatch]


def routes(site: Site) -> list[Any]:
    """Return the handlers; confirmation and withdrawal are those of the case's page."""

    @get("/cases/{case_id:str}/references/{reference_id:str}", opt={"right": "read", "owner": of_case})
    async def look(
        request: Request[Any, Any, Any], case_id: FromPath[str], reference_id: FromPath[str]
    ) -> Response[Any]:
        row, t, takedowns = site.store.cases.find(case_id), site.renderer.words(request), site.store.takedowns
        if row is None:
            raise NotFoundException
        held = [event for event in takedowns.held_of_case(case_id, _LOOKED_THROUGH) if reference_id in event.held_for]
        last = takedowns.last_of_case(case_id, _LOOKED_THROUGH)
        names = site.file_names(case_id)
        return site.renderer.page(
            request,
            "quarantine",
            row=row,
            reference_id=reference_id,
            name=names.get(reference_id) or t("match.reference", id=reference_id[:8]),
            n_held=len(held),
            alignments=[_alignment(t, event, reference_id, names) for event in chosen([*held, *last], reference_id)],
            standing=site.store.cases.standings(case_id).get(f"{case_id}/{reference_id}"),
        )

    return [look]


def chosen(events: Iterable[Takedown], reference_id: str) -> list[Takedown]:
    """Return the first takedowns that rest on a reference: one of each account first, then more of the same."""
    resting = {event.takedown_id: event for event in events if any(_is_of(event, reference_id))}
    first: dict[tuple[str, str | None], Takedown] = {}
    for event in resting.values():
        first.setdefault((event.post.platform, event.post.author), event)
    more = [event for event in resting.values() if event not in first.values()] if len(first) < LOOK_AT else []
    return [*first.values(), *more][:LOOK_AT]


def _is_of(event: Takedown, reference_id: str) -> Iterator[bool]:
    return (one.reference_id == reference_id for one in event.evidence)


def _alignment(t: Words, event: Takedown, reference_id: str, names: Mapping[str, str]) -> Alignment:
    evidence = [one for one in event.evidence if one.reference_id == reference_id]
    post = event.post
    return Alignment(event.takedown_id, post.platform, post.author, post.seen_at, shown_matches(t, evidence, names)[:2])
