"""Checks of descriptors beyond the Avro schema: matrices that fit their times, finite numbers, short digests."""

import numpy as np

from schemas.matrix import unpack
from schemas.messages import Descriptors, Matrix, Reference

_MAX_DIGEST_BYTES = 32
_PDQ_BYTES = 8 * 32
"""Hashes of a frame in all its positions."""


def defect(described: Descriptors | Reference) -> str | None:
    """Return the reason why these descriptors cannot be compared with others, None if they can.

    Any writer with the schema can produce such a record, so matchers and the case table check each one.
    """
    if described.vectors.columns < 1:
        return "vectors without columns"
    try:
        vectors = unpack(described.vectors)
    except ValueError as error:
        return f"vectors: {error}"
    if not np.isfinite(vectors).all():
        return "vectors that are not finite"
    if len(vectors) != len(described.times_s):
        return f"{len(described.times_s)} times for {len(vectors)} vectors"
    if any(len(digest) > _MAX_DIGEST_BYTES for digest in described.digests):
        return f"digests of more than {_MAX_DIGEST_BYTES} bytes"
    landmarks = _matrix_defect("landmarks", described.landmarks)
    return landmarks or (_of_query(described) if isinstance(described, Descriptors) else None)


def _of_query(described: Descriptors) -> str | None:
    if any(len(frame.hashes) != _PDQ_BYTES for frame in described.pdq):
        return f"hashes of a frame of other than {_PDQ_BYTES} bytes"
    return _matrix_defect("motion", described.motion)


def _matrix_defect(name: str, matrix: Matrix | None) -> str | None:
    if matrix is None:
        return None
    try:
        unpack(matrix)  # numbers that are missing, as in a last part of a second, are left to the comparison
    except ValueError as error:
        return f"{name}: {error}"
    return None
