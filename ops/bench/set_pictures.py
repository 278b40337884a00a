"""Pictures of an evaluation set: its references as the index holds them, and its uploads' descriptors."""

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ops.bench.described import default_describers, described_set
from schemas.matrix import unpack
from schemas.messages import Descriptors, Reference
from streams.evaluation.manifest import Manifest, Query
from streams.match.normalisation import Rows
from streams.match.reference_matcher import ReferenceMatcher, space_of


class Upload(NamedTuple):
    """One upload, with the descriptors of its pictures."""

    query: Query
    pictures: list[Descriptors]


class Pictures(NamedTuple):
    """All references, the rows of the allow-list, and all uploads."""

    matchers: list[ReferenceMatcher]
    benign: Rows
    uploads: list[Upload]


async def describe_pictures(manifest: Manifest, cache: Path | None) -> Pictures:
    """Describe a set as `jikimi evaluate` does, with the same cache; raises as it does."""
    wanted, harmless, described = await described_set(manifest, default_describers(cache))
    uploads = [Upload(query, [one for one in found if one.modality == "visual"]) for query, found in described]
    benign = [unpack(piece.vectors) for _, piece in harmless if piece.modality == "visual"]
    pieces: dict[tuple[str, str], list[Reference]] = defaultdict(list)
    for case, piece in wanted:
        if piece.modality == "visual" and piece.vectors.rows:
            pieces[case, piece.reference_id].append(piece)
    matchers = [ReferenceMatcher.join(*names, space_of(of_one[0]), of_one) for names, of_one in pieces.items()]
    nothing = np.zeros((0, matchers[0].vectors.shape[1]), np.float32)
    return Pictures(matchers, np.concatenate([nothing, *benign]), uploads)
