"""Page of a case on which addresses are checked: a form, and the answer to each as it comes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.params import FromPath

from streams.cases.labels import label_key
from streams.console.link_checks import BusyError
from streams.console.pages.parts import find_case
from streams.console.render import go_to
from streams.console.scope import of_case
from streams.console.site import Site
from streams.console.store.checks import MAX_CHECKS, Check, Unread
from streams.console.store.takedowns import Row
from streams.console.words import RefusalError, Words
from streams.desk.checking.post import is_address
from streams.desk.checking.readers.bluesky import page_of

MAX_ADDRESSES = 100
"""Of one form."""
_SHOWN = 100
_MAX_NAMED = 80
"""Characters of a refused line that its sentence repeats."""


class Answer(NamedTuple):
    """What became of a check so far."""

    check: Check
    kind: Literal["takedown", "review", "unread", "none", "waiting"]
    takedown: Row | None = None
    unread: Unread | None = None


def routes(site: Site) -> list[Any]:
    """Return the handlers."""

    @get("/cases/{case_id:str}/checks", opt={"right": "read", "owner": of_case})
    async def listed(request: Request[Any, Any, Any], case_id: FromPath[str]) -> Response[Any]:
        row, checks = find_case(site, case_id, is_victims=True), site.store.checks.of_case(case_id)
        return site.renderer.page(
            request,
            "checks",
            row=row,
            answers=[_answer(site, check) for check in checks[:_SHOWN]],
            n_checks=len(checks),
            most=MAX_ADDRESSES,
            most_kept=MAX_CHECKS,
        )

    @post("/cases/{case_id:str}/checks", opt={"right": "extend", "owner": of_case})
    async def begin(request: Request[Any, Any, Any], case_id: FromPath[str]) -> Response[Any]:
        find_case(site, case_id, is_victims=True)
        sent, now = await request.form(), datetime.now(UTC)
        given = _addresses(site.renderer.words(request), str(sent.get("addresses", "")))
        checks = [Check(case_id, address, now) for address in given]
        await _begin(site, request, case_id, [one for one in checks if not _waits(site, one)])
        return go_to(f"/cases/{quote(case_id, safe='')}/checks")

    return [listed, begin]


async def _begin(site: Site, request: Request[Any, Any, Any], case_id: str, checks: list[Check]) -> None:
    """Put the act on record, then read the pages in the background: a page may take 20 s."""
    if not checks:
        return
    try:
        site.link_checks.require_place()
    except BusyError:
        raise RefusalError(site.renderer.words(request)("checks.busy")) from None
    site.store.checks.add(checks)  # so that a form that is sent twice begins nothing twice
    try:
        await site.actions(request).check_links(case_id, len(checks))
    except BaseException:
        site.store.checks.remove(checks)
        raise
    site.link_checks.begin(checks)


def _addresses(t: Words, text: str) -> list[str]:
    """Return the addresses of a form, each once.

    Raises
    ------
    UsageError
        There are none or too many, or a line is no address; nothing is checked then.
    """
    lines = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if not lines:
        raise RefusalError(t("checks.nothing"))
    if len(lines) > MAX_ADDRESSES:
        raise RefusalError(t("checks.too_many", n=len(lines), most=MAX_ADDRESSES))
    if (wrong := next(_wrong(lines), None)) is not None:
        raise RefusalError(t("checks.wrong", line=wrong[:_MAX_NAMED]))
    return lines


def _wrong(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if not is_address(page_of(line)):
            yield line


def _waits(site: Site, check: Check) -> bool:
    """Return whether an address still waits for its answer, which is given up after fusion's memory."""
    asked = site.store.checks.find(check.case_id, check.address)
    memory = timedelta(seconds=site.settings.fusion_memory_s)
    return asked is not None and _answer(site, asked).kind == "waiting" and check.at - asked.at <= memory


def _answer(site: Site, check: Check) -> Answer:
    store, key = site.store, label_key(check.post_id, check.case_id)
    takedown, unread = store.takedowns.of_review(key), store.checks.unread(check)
    if takedown is not None:
        return Answer(check, "takedown", takedown)
    if store.reviews.find(key) is not None:
        return Answer(check, "review")
    if unread is not None:
        return Answer(check, "unread", unread=unread)
    return Answer(check, "none" if store.checks.has_no_match(check) else "waiting")
