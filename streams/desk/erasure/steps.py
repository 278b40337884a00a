"""Steps of an erasure, shown to the person who waits for it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

SENTENCES: Mapping[str, str] = {
    "compacting": "waiting for the broker to compact {topics}: at most {seconds} s more",
    "reading": "reading {topic}, topic {number} of {n_topics}: {records} records",
}
"""English sentence of each step; the console has its own, by the same slugs."""


class Step(NamedTuple):
    """What an erasure is doing."""

    slug: str
    values: Mapping[str, str]
    """Texts for the sentence, by name."""

    @property
    def text(self) -> str:
        """The English sentence."""
        return SENTENCES[self.slug].format(**self.values)


type Show = Callable[[Step], None]
"""Takes in the present step; may raise to stop the erasure, which can be repeated."""
