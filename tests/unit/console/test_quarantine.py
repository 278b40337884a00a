"""A reference under quarantine: ten alignments, of as many accounts as possible, and its confirmation."""

import msgspec

from streams.console.pages.quarantine import LOOK_AT, chosen
from streams.console.site import Site
from tests.unit.console.made_site import browser, evidence, found, post, put
from tests.unit.console.test_pages import QUARANTINE


async def test_ten_alignments_are_shown_with_what_to_do(site: Site) -> None:
    put(site.store, "takedowns", *(found(n + 10, state="held", held_for=["reference-1"]) for n in range(20)))
    async with browser(site) as client:
        shown = await client.get(QUARANTINE)
        case = (await client.get("/cases/case-a")).text
    assert shown.text.count("<svg") == LOOK_AT
    assert "Takedowns held for this reference: 21" in shown.text
    assert shown.text.count(f'action="{QUARANTINE}"') == 1
    assert f'href="{QUARANTINE}"' in case
    assert len(shown.content) < 60_000


def test_one_takedown_of_each_account_is_chosen_before_more_of_the_same() -> None:
    flood = [found(number) for number in range(20)]
    other = [
        found(number, post=msgspec.structs.replace(post(f"post-{number}"), author=f"@{number}"))
        for number in range(20, 23)
    ]
    assert [event.takedown_id for event in chosen([*flood, *other], "reference-1")] == [
        f"takedown-{number}" for number in (0, 20, 21, 22, 1, 2, 3, 4, 5, 6)
    ]
    assert chosen([found(1, evidence=[evidence(reference_id="another")])], "reference-1") == []


async def test_a_reference_without_takedowns_or_of_no_case_is_no_fault(site: Site) -> None:
    async with browser(site) as client:
        empty, missing = await client.get("/cases/case-a/references/r9"), await client.get("/cases/x/references/r9")
    assert "No takedown rests on this reference" in empty.text
    assert missing.status_code == 404
