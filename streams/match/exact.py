"""Exact copies: a medium with the file, the packets or the pixels of a reference, found by their keyed digests."""

from schemas.messages import Descriptors, Interval, Match, Passage
from streams.match.reference_matcher import ReferenceMatcher

EXACT = 1.0
"""Score of an exact copy; no alignment reaches it."""


def is_exact(query: Descriptors, matcher: ReferenceMatcher, benign: frozenset[bytes]) -> bool:
    """Return whether the query's medium is the reference's; never if it is benign too."""
    if query.modality not in {"visual", "audio"} or not query.digests:
        return False
    return not matcher.digests.isdisjoint(query.digests) and benign.isdisjoint(query.digests)


def exact_match(query: Descriptors, matcher: ReferenceMatcher) -> Match:
    """Return the match of a segment that begins an exact copy: all of it, at the same time of the reference."""
    start_s = query.segment.start_s
    whole = Interval(start_s=start_s, end_s=start_s + query.segment.duration_s)
    return Match(
        case_id=matcher.case_id,
        reference_id=matcher.reference_id,
        score=EXACT,
        query=whole,
        reference=whole,
        thumbnail=query.thumbnails[0].jpeg if query.thumbnails else None,
        passages=[Passage(query=whole, reference=whole, score=EXACT)],
    )
