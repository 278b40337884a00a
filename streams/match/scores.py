"""Scores records, as match writes them for fusion."""

from schemas.ids import record_id
from schemas.messages import Descriptors, Match, Scores


def scores_record(descriptors: Descriptors, matches: list[Match], late_token: str | None = None) -> Scores:
    """Return the scores of a segment, also without a match.

    Parameters
    ----------
    late_token
        Token of the reference piece whose archive search found the match; None for a live search.
    """
    return Scores(
        score_id=record_id("scores", descriptors.descriptor_id, late_token or ""),
        segment=descriptors.segment,
        modality=descriptors.modality,
        model=descriptors.model,
        version=descriptors.version,
        late=late_token is not None,
        matches=matches,
        links=descriptors.links,
        explicit=descriptors.explicit,
    )
