"""What every section of a pack's documents needs."""

from functools import cached_property
from typing import NamedTuple

from schemas.messages import Filer, PostRef
from streams.delivery.evidence.gather import CaseFacts
from streams.delivery.evidence.history import CaseHistory
from streams.delivery.evidence.moments import Clock
from streams.delivery.evidence.words import Words
from streams.delivery.platforms.registry import Platform, Registry


class Source(NamedTuple):
    """Content of a pack, in no language yet."""

    facts: CaseFacts
    history: CaseHistory
    registry: Registry
    filer: Filer
    clock: Clock
    thumbnails: bool = False
    anchor: str = ""
    """Line of the last checkpoint of the log, empty without one."""

    def platform(self, post: PostRef) -> Platform:
        """Return the platform of a post."""
        return self.registry.find(post)[1]


class Context:
    """Content of a pack, and the words of one language for it."""

    def __init__(self, source: Source, words: Words) -> None:
        self.source = source
        self.words = words
        self.clock = source.clock

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {reference.reference_id: reference.number for reference in self.source.facts.references}

    def reference(self, reference_id: str) -> str:
        """Return a reference by its number."""
        number = self._numbers.get(reference_id)
        return reference_id if number is None else self.words("reference_n", number=number)
