"""Progress of the search in earlier posts, from the records of the match workers."""

import pytest

from schemas.messages import CaseSearch
from streams.console.site import Site
from streams.desk.searches import Searches, SearchState
from tests.unit.console.made_site import browser, put, searched


def state(*records: object, n_rows: int = 10, newest: int = 5) -> SearchState | None:
    searches = Searches()
    for record in records:
        searches.put(record)  # type: ignore[arg-type]
    return searches.of_case("case-a", n_rows, newest)


def left(rows: int, partition: int = 0, **changes: object) -> object:
    cases = [CaseSearch(case_id="case-a", left=rows)] if rows else []
    return searched(partition, cases=cases, n_cases=len(cases), **changes)


def test_without_a_worker_or_a_reference_nothing_is_known() -> None:
    assert state() is None
    assert state(left(1), n_rows=0) is None


@pytest.mark.parametrize(
    ("records", "share"),
    [
        ([left(10), left(10, 1)], 0.0),
        ([left(5), left(0, 1)], 0.75),
        ([left(0), left(0, 1)], 1.0),
        ([left(0), left(0, 1, reach=4)], 0.5),  # has not counted the newest reference yet
        ([searched(n_cases=501, cases=[])], 0.0),  # among those that are not listed
        ([left(99)], 0.0),
        ([left(5), left(2, 0)], 0.8),  # the newer record, of whichever worker
    ],
)
def test_the_share_is_of_rows_over_all_partitions(records: list[object], share: float) -> None:
    found = state(*records)
    assert found is not None
    assert found.share == pytest.approx(share)
    assert found.is_done is (share == 1)


def test_the_longest_time_left_is_that_of_the_slowest_worker_and_unknown_without_a_pace() -> None:
    slow = state(left(5, left=600, rate=2.0), left(5, 1, left=600, rate=10.0), left(0, 2, rate=0.0))
    assert slow is not None
    assert slow.most_s == 300
    unknown = state(left(5), left(5, 1, rate=0.0))
    assert unknown is not None
    assert unknown.most_s is None


def test_of_a_list_the_compared_files_of_all_partitions_are_counted() -> None:
    searches = Searches()
    assert searches.of_list("list-a") is None
    for partition, n_left in enumerate((3, 0)):
        listed = [CaseSearch(case_id="list-a", left=n_left, of=4), CaseSearch(case_id="list-b", left=9, of=9)]
        searches.put(searched(partition, cases=listed, n_cases=2))
    assert searches.of_list("list-a") == (5, 8)


async def test_the_page_of_a_list_shows_how_many_files_are_compared(site: Site) -> None:
    put(site.store, "searches", searched(cases=[CaseSearch(case_id="case-a", left=1, of=4)], n_cases=1))
    async with browser(site) as client:
        assert "are compared with this list: 3 of 4." in (await client.get("/cases/case-a")).text


async def test_a_cases_page_shows_how_far_the_search_is(site: Site) -> None:
    async with browser(site) as client:
        html = (await client.get("/cases/case-a")).text
        assert '<progress max="100" value="67"' in html
        assert "67 % searched. At most 5 min more at the present pace." in html
        put(site.store, "searches", searched(cases=[], n_cases=0, left=0))
        assert (
            "The earlier posts are searched. Found so far, new posts included: 4."
            in (await client.get("/cases/case-a")).text
        )
        events = (await client.get("/cases/case-a/search/events")).text
    assert "event: done" in events
