"""Scores records, as match writes them for fusion."""

from collections.abc import Iterable, Iterator

import msgspec
import structlog

from schemas.ids import record_id
from schemas.messages import Descriptors, Match, Scores
from schemas.topics import TOPICS

log = structlog.get_logger()

_MATCHES_BYTES = TOPICS["scores"].max_bytes * 3 // 8
_THUMBNAILS_BYTES = TOPICS["scores"].max_bytes // 4
_LINKS_BYTES = TOPICS["scores"].max_bytes // 8
_MATCH_BYTES, _PASSAGE_BYTES = 200, 60
"""A match's and a passage's numbers and ids on the wire, at most."""


def best_first(matches: Iterable[Match]) -> list[Match]:
    """Return matches in the order of their scores."""
    return sorted(matches, key=lambda match: match.score, reverse=True)


def scores_record(descriptors: Descriptors, matches: list[Match], late_token: str | None = None) -> Scores:
    """Return the scores of a segment, also without a match, small enough for the topic whatever was uploaded.

    A post may match any number of references and link to any number of pages. The best matches are kept, and the best
    of these keep their thumbnails.

    Parameters
    ----------
    matches
        Best first.
    late_token
        Token of the reference piece whose archive search found the match; None for a live search.
    """
    kept = list(_fitting(matches))
    links = list(_fitting_links(descriptors.links))
    if (dropped := len(matches) - len(kept)) or len(links) < len(descriptors.links):
        log.warning("scores cut", matches=dropped, links=len(descriptors.links) - len(links))
    return Scores(
        score_id=record_id("scores", descriptors.descriptor_id, late_token or ""),
        segment=descriptors.segment,
        modality=descriptors.modality,
        model=descriptors.model,
        version=descriptors.version,
        late=late_token is not None,
        matches=kept,
        links=links,
        explicit=descriptors.explicit,
        look=descriptors.look,
        gone=descriptors.gone,
    )


def _fitting(matches: list[Match]) -> Iterator[Match]:
    room, thumbnails_room = _MATCHES_BYTES, _THUMBNAILS_BYTES
    for match in matches:
        room -= _MATCH_BYTES + len(match.case_id) + len(match.reference_id) + _PASSAGE_BYTES * len(match.passages)
        thumbnails_room -= len(match.thumbnail or b"")
        if room < 0:
            return
        yield match if thumbnails_room >= 0 else msgspec.structs.replace(match, thumbnail=None)


def _fitting_links(links: list[str]) -> Iterator[str]:
    room = _LINKS_BYTES
    for link in links:
        room -= len(link.encode()) + 8
        if room < 0:
            return
        yield link
