"""Memory and pages of the index of takedowns."""

import tracemalloc
import uuid

import msgspec

from streams.takedown.index import PAGE_ROWS, TakedownIndex, case_key, reference_key
from streams.takedown.life import OPEN, chained
from tests.unit.made_messages import post_ref, takedown
from tests.unit.takedown.test_quarantine import evidence_of

N = 2_000
TARGET_BYTES = 300


def filled(number: int) -> TakedownIndex:
    """Return an index of so many takedowns, each of two references and of an account with five posts."""
    index = TakedownIndex()
    for offset in range(number):
        name = str(uuid.UUID(int=offset * 2**64 // 7))
        post = msgspec.structs.replace(post_ref(name), url=f"https://example.org/{name}", author=f"a{offset // 5}")
        evidence = [evidence_of("r1"), evidence_of(f"r{offset % 100}")]
        event = takedown(takedown_id=name, post=post, case_id=f"case-{offset % 20}", evidence=evidence)
        assert index.apply(chained(event, None), 0, offset) == "applied"
    return index


def test_a_takedown_takes_less_than_300_bytes() -> None:
    filled(10)
    tracemalloc.start()
    try:
        index = filled(N)
        in_python, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(index) == N
    assert (index.size_bytes + in_python) / N < TARGET_BYTES


def test_every_takedown_of_a_key_is_found_page_by_page() -> None:
    index = filled(N)
    for key, expected in ((case_key("case-3"), N // 20), (reference_key("case-3", "r1"), N // 20)):
        found = 0
        after: int | None = 0
        while after is not None:
            page, after = index.page(key, OPEN, after)
            assert len(page) <= PAGE_ROWS
            found += len(page)
        assert found == expected
    assert index.page(case_key("case-3"), {"removed"}, 0) == ([], None)


def test_more_than_a_page_is_found() -> None:
    index = TakedownIndex()
    for number in range(PAGE_ROWS + 1):
        index.apply(chained(takedown(takedown_id=f"t{number}"), None), 0, number)
    first, after = index.page(case_key("case-a"), OPEN, 0)
    second, end = index.page(case_key("case-a"), OPEN, after or 0)
    assert (len(first), len(second), end) == (PAGE_ROWS, 1, None)
    assert index.cases(OPEN, 0) == ({case_key("case-a")}, PAGE_ROWS)
