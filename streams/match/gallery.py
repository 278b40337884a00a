"""References of one space: similarities of a query to all of them, and alignment with the few candidates."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import numpy.typing as npt

from models.voice.likeness import runs_of
from schemas.matrix import unpack
from schemas.messages import Descriptors, Match
from streams.match.exact import exact_match, is_exact
from streams.match.normalisation import NEVER, Background, Normalisation, Rows
from streams.match.query_similarities import QuerySimilarities, stacked, steps
from streams.match.reference_matcher import ReferenceMatcher, match_rooms
from streams.match.term_index import TermIndex

_NORMALISATION = Normalisation()


class Gallery:
    """Wanted references of one space, and the space's benign rows; immutable.

    A score depends on the query and the whole gallery, never on how the pair was found: `search` and `match` agree.
    """

    def __init__(
        self,
        matchers: Sequence[ReferenceMatcher],
        benign: Rows,
        rule: Normalisation = _NORMALISATION,
        benign_digests: frozenset[bytes] = frozenset(),
    ) -> None:
        self._matchers, self._stacks = stacked(matchers)
        self._terms = TermIndex().with_added(enumerate(one.digests for one in self._matchers))
        self._background = Background(benign, rule)
        self._benign_digests = benign_digests
        number = {case_id: at for at, case_id in enumerate(dict.fromkeys(one.case_id for one in matchers))}
        self._owners = np.array([number[one.case_id] for one in matchers], np.intp)
        self._benign: dict[int, npt.NDArray[np.bool_]] = {}

    def search(self, query: Descriptors, among: AbstractSet[tuple[str, str]] | None = None) -> list[Match]:
        """Return the query's matches, unordered.

        Parameters
        ----------
        among
            Case and reference of those to match; the others are only their rivals. None for all.
        """
        if query.modality == "voice":
            return _match_voices(query, self._matchers)
        similarities = self._similarities(query)
        likely = similarities.resembling() if query.modality == "text" else similarities.candidates()
        numbers = sorted(self._terms.owners(query.digests) | set(likely))
        if among is not None:
            numbers = [number for number in numbers if self._matchers[number].reference in among]
        found = self._in_rooms(query, similarities, numbers)
        matches = (found[at] if at in found else self._match(query, similarities, at) for at in numbers)
        return [match for match in matches if match is not None]

    def match(self, reference: tuple[str, str], query: Descriptors) -> Match | None:
        """Return the query's match with one of these references; costs as much as a search without its alignments.

        Parameters
        ----------
        reference
            Case and reference; one that was withdrawn meanwhile matches nothing.
        """
        numbers = [at for at, one in enumerate(self._matchers) if one.reference == reference]
        if not numbers:
            return None
        if query.modality == "voice":
            return next(iter(_match_voices(query, [self._matchers[numbers[0]]])), None)
        similarities = self._similarities(query)
        return self._match(query, similarities, numbers[0])

    @property
    def matchers(self) -> Sequence[ReferenceMatcher]:
        """The references, in their order, with rows that the gallery has anyway."""
        return self._matchers

    def _similarities(self, query: Descriptors) -> QuerySimilarities:
        return QuerySimilarities(query, self._matchers, self._stacks, self._owners, self._background)

    def _match(self, query: Descriptors, similarities: QuerySimilarities, number: int) -> Match | None:
        if self._is_exact(query, number):
            return exact_match(query, self._matchers[number])
        similarity = similarities.normalised(number)
        similarity[:, self._benign_rows(number)] = NEVER
        return self._matchers[number].match(query, similarity)

    def _in_rooms(
        self, query: Descriptors, similarities: QuerySimilarities, numbers: Sequence[int]
    ) -> dict[int, Match | None]:
        """Return the matches with references whose cameras stand still: together, as one takes hardly less time."""
        still = [at for at in numbers if self._matchers[at].shows_room(query) and not self._is_exact(query, at)]
        found: dict[int, Match | None] = {}
        for some in steps([self._matchers[at].vectors for at in still]):
            matchers, own = [self._matchers[still[at]] for at in some], [still[at] for at in some]
            cosines = similarities.cosines(own)
            similarity = similarities.without_rivals(cosines)
            similarity[:, np.concatenate([self._benign_rows(at) for at in own])] = NEVER
            found |= zip(own, match_rooms(query, matchers, cosines, similarity), strict=True)
        return found

    def _is_exact(self, query: Descriptors, number: int) -> bool:
        return is_exact(query, self._matchers[number], self._benign_digests)

    def _benign_rows(self, number: int) -> npt.NDArray[np.bool_]:
        """Return which rows of a reference are benign; few references need it, so it is computed on first use."""
        if number not in self._benign:
            self._benign[number] = self._background.contains(self._matchers[number].vectors)
        return self._benign[number]


def _match_voices(query: Descriptors, matchers: Sequence[ReferenceMatcher]) -> list[Match]:
    runs, times_s = runs_of(unpack(query.vectors)), np.asarray(query.times_s, np.float64)
    found = (one.match_voice(runs, times_s) for one in matchers)
    return [match for match in found if match is not None]
