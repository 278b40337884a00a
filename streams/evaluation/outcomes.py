"""Outcomes of uploads under the shipped policy: copies taken down, passed to a person, or lost, and wrong ones.

- A copy counts as acted on if the policy issues a takedown of its case, as reviewed if it asks a person about its case,
  and as lost otherwise.
- An upload is a wrong act or a wrong review if that happens with a case that it does not copy. Look-alikes are counted
  apart: they copy nothing, yet show the place or the people of a case.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from streams.evaluation.figures import Searched

type Decision = Literal["act", "review", "lost"]


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """Number of copies by what happens to them."""

    copies: int
    act: int
    review: int
    lost: int


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """Uploads with a wrong case."""

    uploads: int
    acts: int
    reviews: int
    """Those without a wrong act."""


def decision(searched: Searched) -> Decision:
    """Return what happens to a copy."""
    found = next((each for each in searched.findings if each.case == searched.query.expect), None)
    return "lost" if found is None else _of(acted=found.acted, reviewed=found.reviewed)


def outcomes(searched: Iterable[Searched], group: Callable[[Searched], str | None]) -> dict[str, Outcomes]:
    """Return the outcomes of the copies of each group, sorted by name; uploads without a group are left out."""
    counted: dict[str, Counter[Decision]] = {}
    for each in searched:
        if each.query.expect is not None and (name := group(each)) is not None:
            counted.setdefault(name, Counter())[decision(each)] += 1
    return {
        name: Outcomes(copies=n.total(), act=n["act"], review=n["review"], lost=n["lost"])
        for name, n in sorted(counted.items())
    }


def wrong(searched: Sequence[Searched]) -> dict[str, Wrong]:
    """Return the wrong uploads among copies (a case beside their own), look-alikes and others."""
    groups: dict[str, list[Decision]] = {"copies": [], "look-alikes": [], "others": []}
    for each in searched:
        kind = "copies" if each.query.expect is not None else "look-alikes" if each.query.look_alike else "others"
        false = [found for found in each.findings if found.case != each.query.expect]
        acted, reviewed = any(found.acted for found in false), any(found.reviewed for found in false)
        groups[kind].append(_of(acted=acted, reviewed=reviewed))
    return {
        name: Wrong(uploads=len(found), acts=found.count("act"), reviews=found.count("review"))
        for name, found in groups.items()
    }


def by_edit(searched: Searched) -> str:
    """Return the edit of an upload."""
    return searched.query.transform or "unnamed"


def by_material(searched: Searched) -> str | None:
    """Return what an upload shows, None if the set does not name it."""
    return searched.query.shows


def _of(*, acted: bool, reviewed: bool) -> Decision:
    return "act" if acted else "review" if reviewed else "lost"
