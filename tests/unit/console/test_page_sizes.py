"""Size of pages over a store with many rows, each of whose texts is as long as platforms allow."""

from collections.abc import Iterator

import pytest

from streams.console.site import Site
from streams.console.store.checks import Check
from tests.unit.console.made_site import ago, browser, case, found, letter, made_site, piece, post, put, waiting
from tests.unit.made_messages import delivery

FIRST, ANY = 60_000, 150_000
"""Bytes of the first page, and of any."""
NAME, AUTHOR = "violet & willow " * 8, "@<dawn>.example" * 16


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with made_site() as (made, _):
        store = made.store
        put(store, "cases", *(case(f"case-{n}", NAME) for n in range(120)), case("case-a", NAME), piece())
        put(store, "verdicts", *(waiting(f"post-{n}", f"case-{n % 120}", decided_at=ago(hours=n)) for n in range(160)))
        shown = [post(f"post-{n}", author=AUTHOR) for n in range(160)]
        put(store, "takedowns", *(found(n, case_id="case-a", post=one, state="sent") for n, one in enumerate(shown)))
        steps = [("takedown-0", n) for n in range(200)] + [(f"takedown-{n}", 0) for n in range(1, 160)]
        sent = [delivery(takedown_id=one, delivery_id=f"{one}-{n}", due_at=ago(hours=n), channel="mail", address="a",
                         detail="no answer " * 20) for one, n in steps]  # fmt: skip
        put(store, "deliveries", *sent)
        put(store, "dead-letters", *map(letter, range(160)))
        address = "https://video.example/" + "a&" * 900
        store.checks.add(Check("case-a", f"{address}{n}", ago(minutes=n), f"checked-{n}") for n in range(200))
        yield made


PAGES = ("/cases/case-a", "/cases/case-a/checks",
         "/takedowns", "/takedowns?overdue=1", "/takedowns/takedown-0", "/reviews", "/dead-letters",
         "/live", "/unconfirmed")  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_no_page_is_large_however_much_there_is(site: Site, language: str) -> None:
    async with browser(site, language=language) as client:
        sizes = {path: len((await client.get(path)).raise_for_status().content) for path in ("/", *PAGES)}
    assert sizes["/"] < FIRST, sizes
    assert max(sizes.values()) < ANY, sizes
    assert min(sizes.values()) > 1_000, sizes
