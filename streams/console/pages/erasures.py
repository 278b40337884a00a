"""Pages of a withdrawal: the question, the erasure in the background, and its proof."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import File, ServerSentEvent, ServerSentEventMessage

from streams.console.erasures import Erasures
from streams.console.render import go_to
from streams.console.scope import Owner, of_listed
from streams.console.site import Site
from streams.console.store.cases import CaseRow
from streams.console.store.store import Store
from streams.console.words import RefusalError
from streams.desk.erasure.noted import ErasureNote

_MAX_WHY, _MAX_LISTED = 500, 50
_TICK_S, _MAX_TICKS = 1.0, 3600


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    def of_withdrawn(store: Store, values: Mapping[str, str]) -> str:
        """Return who opened a case, also one that was withdrawn here."""
        note = site.erasures.find(values.get("case_id", ""))
        return store.cases.owner(values.get("case_id", "")) or (note.opened_by if note is not None else "")

    return [*_withdrawal(site, of_withdrawn), *_progress(site, of_withdrawn), *_proofs(site, of_withdrawn)]


def _withdrawal(site: Site, of_withdrawn: Owner) -> list[Any]:
    erasures = site.erasures

    @get("/cases/{case_id:str}/withdraw", opt={"right": "withdraw", "owner": of_withdrawn})
    async def ask(request: Request[Any, Any, Any], case_id: FromPath[str]) -> Response[Any]:
        if (row := site.store.cases.find(case_id)) is None:
            return go_to(_address(_find(erasures, case_id)))
        return site.renderer.page(request, "withdraw", row=row, **_counts(site, case_id))

    @post("/cases/{case_id:str}/withdraw", opt={"right": "withdraw", "owner": of_withdrawn})
    async def withdraw(request: Request[Any, Any, Any], case_id: FromPath[str]) -> Response[Any]:
        if (row := site.store.cases.find(case_id)) is None:  # a second click
            return go_to(_address(_find(erasures, case_id)))
        return go_to(_address(await _withdraw(site, request, row)))

    return [ask, withdraw]


def _proofs(site: Site, of_withdrawn: Owner) -> list[Any]:
    erasures = site.erasures

    @get("/erasures", opt={"right": "withdraw", "owner": of_listed})
    async def listed(request: Request[Any, Any, Any]) -> Response[Any]:
        notes = withdrawn(site, site.owner(request, "withdraw"))[:_MAX_LISTED]
        return site.renderer.page(request, "erasures", notes=notes, running=erasures.running)

    @get("/erasures/{case_id:str}", opt={"right": "withdraw", "owner": of_withdrawn})
    async def one(request: Request[Any, Any, Any], case_id: FromPath[str]) -> Response[Any]:
        note = _find(erasures, case_id)
        if site.store.cases.find(case_id) is not None:  # noted, and killed before it was withdrawn
            return go_to(f"/cases/{quote(case_id, safe='')}")
        proof = await asyncio.to_thread(erasures.proof, case_id) if note.ended_at is not None else None
        return site.renderer.page(
            request, "erasure", note=note, running=erasures.running(case_id), fault=erasures.fault(case_id), proof=proof
        )

    @get("/erasures/{case_id:str}/proof", opt={"right": "withdraw", "owner": of_withdrawn})
    async def proof_file(case_id: FromPath[str]) -> File:
        file = erasures.proof_file(_find(erasures, case_id).case_id)
        if not file.exists():
            raise NotFoundException
        return File(file, filename=f"{case_id}-proof.json", media_type="application/json")

    return [listed, one, proof_file]


def _progress(site: Site, of_withdrawn: Owner) -> list[Any]:
    erasures = site.erasures

    @get("/erasures/{case_id:str}/events", opt={"right": "withdraw", "owner": of_withdrawn})
    async def events(request: Request[Any, Any, Any], case_id: FromPath[str]) -> ServerSentEvent:
        _find(erasures, case_id)

        def html() -> str:
            return site.renderer.fragment(request, "erasure_step", running=erasures.running(case_id))

        return ServerSentEvent(_steps(erasures, case_id, html))

    @post("/erasures/{case_id:str}", opt={"right": "withdraw", "owner": of_withdrawn})
    async def go_on(request: Request[Any, Any, Any], case_id: FromPath[str]) -> Response[Any]:
        note = _find(erasures, case_id)
        if site.store.cases.find(case_id) is not None:
            return go_to(f"/cases/{quote(case_id, safe='')}/withdraw")
        if not erasures.begin(note, note.erased, site.person(request)) and erasures.running(case_id) is None:
            raise RefusalError(site.renderer.words(request)("erasure.busy"))
        return go_to(_address(note))

    return [events, go_on]


def withdrawn(site: Site, owner: str | None) -> list[ErasureNote]:
    """Return the erasures of cases that are out of force, of one owner or all, the newest first."""
    notes = (note for note in site.erasures.notes() if owner in {None, note.opened_by})
    return [note for note in notes if site.store.cases.find(note.case_id) is None]


def n_unfinished(site: Site, owner: str | None) -> int:
    """Return the number of erasures that a person can continue."""
    return sum(
        not (note.ended_at is not None and note.is_clean) and site.erasures.running(note.case_id) is None
        for note in withdrawn(site, owner)
    )


async def _withdraw(site: Site, request: Request[Any, Any, Any], row: CaseRow) -> ErasureNote:
    t, form = site.renderer.words(request), await request.form()
    if str(form.get("name", "")).strip() != row.name:
        raise RefusalError(t("withdraw.other_name", name=row.name))
    why = str(form.get("why", "")).strip()[:_MAX_WHY]
    if not why:
        raise RefusalError(t("withdraw.no_reason"))
    try:
        note = site.erasures.note(row.case_id, row.name, row.opened_by, site.signature(request), why)
    except OSError:
        raise RefusalError(t("withdraw.disk")) from None
    n_erased = await site.actions(request).withdraw(row.case_id, why)
    site.erasures.begin(note, n_erased, site.person(request))
    return note


def _counts(site: Site, case_id: str) -> dict[str, Any]:
    pieces = [entry.reference for entry in site.store.cases.entries(case_id) if entry.reference is not None]
    return {
        "n_open": site.store.counts.of(case_id).n_open,
        "n_references": len({piece.reference_id for piece in pieces}),
    }


async def _steps(erasures: Erasures, case_id: str, html: Callable[[], str]) -> AsyncIterator[ServerSentEventMessage]:
    for _ in range(_MAX_TICKS):
        if erasures.running(case_id) is None:
            yield ServerSentEventMessage(data="", event="done")
            return
        yield ServerSentEventMessage(data=html(), event="figures")
        await asyncio.sleep(_TICK_S)


def _find(erasures: Erasures, case_id: str) -> ErasureNote:
    if (note := erasures.find(case_id)) is None:
        raise NotFoundException
    return note


def _address(note: ErasureNote) -> str:
    return f"/erasures/{quote(note.case_id, safe='')}"
