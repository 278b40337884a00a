"""Terms of references that come and go are found as in an index of those that are left."""

import numpy as np
import pytest

from streams.match import term_index
from streams.match.term_index import TermIndex


def test_after_any_changes_each_digest_has_the_owners_that_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(term_index, "_PART", 16)
    random, index = np.random.default_rng(3), TermIndex()
    left: dict[int, list[bytes]] = {}
    for step in range(50):
        fresh = {5 * step + at: _digests(random) for at in range(random.integers(5))}
        gone = [number for number in left if random.random() < 0.1]
        index = index.without(gone).with_added(fresh.items())
        left = {number: digests for number, digests in (left | fresh).items() if number not in gone}
        for digest in ALL:
            assert index.owners([digest]) == {number for number, digests in left.items() if digest in digests}
    assert len(left) > 20
    assert not TermIndex().owners(ALL)
    assert index.without(left).owners(ALL) == set()


def test_a_change_shares_all_parts_but_those_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(term_index, "_PART", 16)
    before = TermIndex().with_added((number, ALL[:4]) for number in range(40))
    after = before.without([17]).with_added([(40, ALL[:4])])
    shared = [any(part.keys is one.keys for one in before._parts) for part in after._parts]
    assert shared == [True] * 4 + [False] + [True] * 5 + [False]


ALL = [bytes([number]) * 32 for number in range(12)]


def _digests(random: np.random.Generator) -> list[bytes]:
    return [ALL[at] for at in random.choice(len(ALL), random.integers(len(ALL)), replace=False)]
