"""Reviews of references, which a person confirmed or withdrew, and of cases: a table over the standings topic."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from schemas.codec import Codec
from schemas.messages import Standing, StandingKind
from streams.cases.four_eyes import Confirmation, confirmation_of
from streams.kafka.clients import create_codec
from streams.kafka.compacted_topic import CompactedTopic, decode_or_refuse
from streams.kafka.whole_topic import read_latest
from streams.settings import Settings

TOPIC = "standings"


def standing_key(case_id: str, reference_id: str = "") -> str:
    """Return the key of the review of a reference, or of the case itself; a later review replaces it."""
    return f"{case_id}/{reference_id}" if reference_id else case_id


class ReferenceReviews(CompactedTopic[Standing]):
    """The last review of every reference and case that has one.

    The review of a case has the empty reference. Its confirmation takes about 100 bytes for each of its references.
    """

    def __init__(self, settings: Settings, codec: Codec, crash: Callable[[Exception], None]) -> None:
        super().__init__(settings, codec, TOPIC, crash)
        self._of: dict[str, dict[str, StandingKind]] = defaultdict(dict)
        self._confirmations: dict[str, Confirmation] = {}

    def references(self, case_id: str, kind: StandingKind) -> set[str]:
        """Return the references of a case whose last review is of this kind."""
        return {reference for reference, review in self._of.get(case_id, {}).items() if review == kind}

    def confirmation(self, case_id: str) -> Confirmation | None:
        """Return the confirmation of a case, None without one."""
        return self._confirmations.get(case_id)

    def all(self) -> Iterator[tuple[str, str, StandingKind]]:
        """Yield case, reference and kind of every review, as they are at the call."""
        for case_id, reviews in list(self._of.items()):
            for reference_id, kind in list(reviews.items()):
                yield case_id, reference_id, kind

    def listen_reviews(self, listener: Callable[[str, str, StandingKind | None], None]) -> None:
        """Call the listener on the event loop with case, reference and kind of every changed review."""

        def changed(key: str) -> None:
            case_id, _, reference_id = key.partition("/")
            listener(case_id, reference_id, self._of.get(case_id, {}).get(reference_id))

        self.listen_keys(changed)

    def _put(self, key: str, message: Standing, offset: int) -> None:  # noqa: ARG002 - the table's signature
        self._of[message.case_id][message.reference_id] = message.standing
        if not message.reference_id:
            self._set_confirmation(message.case_id, confirmation_of(message))

    def _erase(self, key: str) -> None:
        case_id, _, reference_id = key.partition("/")
        reviews = self._of.get(case_id, {})
        reviews.pop(reference_id, None)
        if not reference_id:
            self._set_confirmation(case_id, None)
        if not reviews:
            self._of.pop(case_id, None)

    def _set_confirmation(self, case_id: str, confirmation: Confirmation | None) -> None:
        if confirmation is None:
            self._confirmations.pop(case_id, None)
        else:
            self._confirmations[case_id] = confirmation


async def read_reviews(settings: Settings) -> dict[str, Standing]:
    """Return the last review of every reference, by key.

    Raises
    ------
    UsageError
        The broker does not answer, or has no such topic.
    """
    codec, found = create_codec(settings), {}
    for key, update in (await read_latest(settings, TOPIC)).items():
        review = decode_or_refuse(codec, TOPIC, update)
        if isinstance(review, Standing):
            found[key.decode(errors="replace")] = review
    return found
