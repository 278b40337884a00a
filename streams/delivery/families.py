"""Copies of a case as families, and the accounts that upload again.

Pure functions over the takedown events of one case, in time O(n log n) for n events.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from schemas.messages import State, Takedown

REPEATED_UPLOADS = 3
"""Copies of one case from which on their account is named."""


class Copy(NamedTuple):
    """A post that holds a copy, by the last event of its takedown."""

    seen_at: datetime
    takedown_id: str
    url: str
    platform: str
    author: str | None
    state: State


class Family(NamedTuple):
    """Copies of one stretch of the same references, such as the re-uploads of one cut of a film."""

    reference_ids: tuple[str, ...]
    """References that its copies match, sorted."""
    copies: tuple[Copy, ...]
    """Never empty, in the order in which they were seen: the first is the earliest known."""
    accounts: dict[tuple[str, str], int]
    """Number of copies by platform and author, most first; copies without an author are left out."""
    platforms: dict[str, int]
    """Number of copies by platform, most first."""
    states: dict[State, int]
    """Number of copies by state, most first."""

    @property
    def first_seen(self) -> datetime:
        """Time at which its first copy was seen."""
        return self.copies[0].seen_at


class Uploader(NamedTuple):
    """An account that uploaded again."""

    platform: str
    author: str
    copies: tuple[Copy, ...]
    """In the order in which they were seen."""


class _Stretch(NamedTuple):
    start_s: float
    end_s: float
    copy: int


def families(events: Iterable[Takedown]) -> list[Family]:
    """Return the families of a case's copies, the one that was seen first first.

    Two copies are of one family if they match the same reference in stretches that overlap, directly or through other
    copies: a copy of a whole film joins the cuts of its scenes. Sound and picture count together, because they have the
    same clock. Texts count only for copies that match by nothing else: words are no stretch of a film. A copy without
    evidence is a family of its own.

    Parameters
    ----------
    events
        Takedown events of one case, those of each takedown in their order.
    """
    last = _last_events(events)
    groups = _Groups(len(last))
    for stretches in _stretches(last).values():
        groups.join_overlapping(stretches)
    members: dict[int, list[Takedown]] = defaultdict(list)
    for index, event in enumerate(last):
        members[groups.find(index)].append(event)
    return sorted(map(_family, members.values()), key=attrgetter("copies"))


def repeat_uploaders(events: Iterable[Takedown]) -> list[Uploader]:
    """Return the accounts with three or more copies in a case, most copies first.

    Posts at one address count once, because an edit is not an upload. Withdrawn takedowns do not count.

    Parameters
    ----------
    events
        As of `families`.
    """
    by_account: dict[tuple[str, str], dict[str, Copy]] = defaultdict(dict)
    for event in _last_events(events):
        if event.post.author and event.state != "withdrawn":
            by_account[event.post.platform, event.post.author][event.post.url] = _copy(event)
    found = [
        Uploader(platform, author, tuple(sorted(copies.values())))
        for (platform, author), copies in by_account.items()
        if len(copies) >= REPEATED_UPLOADS
    ]
    return sorted(found, key=lambda uploader: (-len(uploader.copies), uploader.copies))


def _last_events(events: Iterable[Takedown]) -> list[Takedown]:
    return list({event.takedown_id: event for event in events}.values())


def _copy(event: Takedown) -> Copy:
    post = event.post
    return Copy(post.seen_at, event.takedown_id, post.url, post.platform, post.author, event.state)


def _stretches(events: list[Takedown]) -> dict[tuple[str, bool], list[_Stretch]]:
    """Return the matched stretches by reference and by whether they are of words."""
    found: dict[tuple[str, bool], list[_Stretch]] = defaultdict(list)
    for index, event in enumerate(events):
        are_words = all(one.modality == "text" for one in event.evidence)
        for one in event.evidence:
            if (one.modality == "text") is are_words:
                stretch = _Stretch(one.reference.start_s, one.reference.end_s, index)
                found[one.reference_id, are_words].append(stretch)
    return found


class _Groups:
    """Disjoint sets of indices."""

    def __init__(self, size: int) -> None:
        self._parents = list(range(size))

    def find(self, index: int) -> int:
        """Return the representative of an index's set."""
        while self._parents[index] != index:
            self._parents[index] = self._parents[self._parents[index]]
            index = self._parents[index]
        return index

    def join_overlapping(self, stretches: list[_Stretch]) -> None:
        """Join the copies of all stretches that overlap; words, which have no stretch, are taken for one point."""
        longest: _Stretch | None = None
        for stretch in sorted(stretches):
            if longest is not None and (stretch.start_s < longest.end_s or stretch[:2] == longest[:2]):
                self._parents[self.find(stretch.copy)] = self.find(longest.copy)
            if longest is None or stretch.end_s > longest.end_s:
                longest = stretch


def _family(events: list[Takedown]) -> Family:
    copies = tuple(sorted(map(_copy, events)))
    accounts = Counter((copy.platform, copy.author) for copy in copies if copy.author)
    return Family(
        reference_ids=tuple(sorted({one.reference_id for event in events for one in event.evidence})),
        copies=copies,
        accounts=dict(accounts.most_common()),
        platforms=dict(Counter(copy.platform for copy in copies).most_common()),
        states=dict(Counter(copy.state for copy in copies).most_common()),
    )
