"""Thumbnails of matches, sealed again under the key of their case.

In descriptors a thumbnail is sealed under a key of the system; from the match on it is evidence, which must become
unreadable when its case is withdrawn.
"""

from collections.abc import Sequence

import msgspec
import structlog

from schemas.messages import Descriptors, Match
from streams.cases.open_cases import OpenCases
from streams.errors import RecordError
from streams.sealing.case_key import CaseSeal, Scene
from streams.sealing.media import MediaSeal

log = structlog.get_logger()


class EvidenceThumbnails:
    """Seals the thumbnails of matches for their cases."""

    def __init__(self, seal: MediaSeal, cases: OpenCases) -> None:
        self._seal = seal
        self._cases = cases
        self._case_seal = CaseSeal(seal.keyring)

    def sealed(self, descriptors: Descriptors, matches: Sequence[Match]) -> list[Match]:
        """Return matches with their thumbnails under their cases' keys.

        A thumbnail is left out, and the match kept, if its case has no key, being older than sealing or opened without
        the system's keys, or if one of the two cannot be unsealed here.
        """
        return [msgspec.structs.replace(match, thumbnail=self._of(descriptors, match)) for match in matches]

    def _of(self, descriptors: Descriptors, match: Match) -> bytes | None:
        case_key = self._cases.data_key(match.case_id)
        found = next((one for one in descriptors.thumbnails if one.jpeg == match.thumbnail), None)
        if found is None or not case_key:
            return None
        scene = Scene(match.case_id, descriptors.segment.post.post_id, descriptors.segment.medium)
        try:
            return self._case_seal.seal(case_key, self._seal.thumbnail(descriptors, found), scene)
        except RecordError as error:  # a match without a picture is worth more than none
            log.warning("thumbnail left out", case=match.case_id, reason=error.reason, detail=error.detail)
            return None
