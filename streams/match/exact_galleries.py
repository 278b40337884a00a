"""References of one space in galleries of some hundred, of which a change makes few anew."""

from collections.abc import Collection, Mapping, Sequence

from schemas.messages import Descriptors, Match
from streams.match.gallery import Gallery
from streams.match.normalisation import Benign
from streams.match.piece import Name
from streams.match.reference_matcher import ReferenceMatcher

type _Part = dict[Name, ReferenceMatcher]

_SOME = 256
"""Most references of one gallery when they are divided, which they are again with twice as many, or a quarter."""


class ExactGalleries:
    """All references of one space, compared exactly; immutable.

    Texts and voices do not compete with each other, so they can be in different galleries. Pictures and sounds do, and
    must be fewer than 256.
    """

    def __init__(self, parts: Sequence[_Part], benign: Benign, galleries: Sequence[Gallery | None]) -> None:
        self._benign = benign
        self._parts: list[_Part] = []
        self._galleries: list[Gallery] = []
        for part, gallery in zip(parts, galleries, strict=True):
            made = gallery or Gallery(list(part.values()), benign[0], benign_digests=benign[1])
            # The references of a new one have their rows in its memory.
            self._parts.append(part if gallery else dict(zip(part, made.matchers, strict=True)))
            self._galleries.append(made)

    @classmethod
    def of(cls, matchers: Mapping[Name, ReferenceMatcher], benign: Benign) -> "ExactGalleries":
        """Return the galleries of these references."""
        n_parts = 1 << (len(matchers) // _SOME).bit_length()
        parts: list[_Part] = [{} for _ in range(n_parts)]
        for name, matcher in matchers.items():
            parts[hash(name) % n_parts][name] = matcher
        return cls(parts, benign, [None] * n_parts)

    def changed(
        self, removed: Collection[Name], added: Mapping[Name, ReferenceMatcher], benign: Benign
    ) -> "ExactGalleries":
        """Return the galleries without and with these references."""
        n_parts = len(self._parts)
        new = {at: dict(self._parts[at]) for at in {hash(name) % n_parts for name in (*removed, *added)}}
        for name in removed:
            new[hash(name) % n_parts].pop(name, None)
        for name, matcher in added.items():
            new[hash(name) % n_parts][name] = matcher
        parts = [new.get(at, part) for at, part in enumerate(self._parts)]
        n = sum(map(len, parts))
        if n > 2 * _SOME * n_parts or (n_parts > 1 and n < _SOME * n_parts // 4):
            return ExactGalleries.of({name: one for part in parts for name, one in part.items()}, benign)
        same = [None if at in new or benign is not self._benign else one for at, one in enumerate(self._galleries)]
        return ExactGalleries(parts, benign, same)

    def search(self, query: Descriptors) -> list[Match]:
        """Return the query's matches, unordered."""
        return [match for gallery in self._galleries for match in gallery.search(query)]

    def match(self, reference: Name, query: Descriptors) -> Match | None:
        """Return the query's match with one of the references."""
        return self._galleries[hash(reference) % len(self._galleries)].match(reference, query)
