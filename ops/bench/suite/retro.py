"""A new case against archived hours, on the archive's own code; the minutes of ops/bench/suite/minutes.py.

Timed: the search of all pieces of one reference in the archive, and the comparison of every hit with the case, as the
late search does. Not timed: hits' descriptors, which it reads from their topic, are made again. Recall is the share of
the copies in the archive that a comparison with the exact rows matches, and the late search too.
"""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ops.bench.first_pass.files import demonstration
from ops.bench.one_process import resident_bytes
from ops.bench.suite.minutes import Minutes
from ops.bench.suite.models import load_models
from ops.bench.suite.section import Figures, Run, not_measured
from schemas.messages import Case, Descriptors, Reference
from streams.evaluation.described import Cache, describe_references
from streams.evaluation.manifest import SetReference
from streams.match.archive import Hit
from streams.match.milvus_archive import MilvusArchive
from streams.match.reference_index import ReferenceIndex
from streams.settings import load_settings

_HOURS, _QUICK, _FULL = (10, 100, 1_000, 10_000), 10, 100
CASE_CLIP = "flowers"
_PER_MINUTE = 2
"""Records of a minute: pictures and sound."""
MATCHED = 0.3
_CASE = "case"


class _Found(NamedTuple):
    """What a late search found."""

    search_s: float
    compare_s: float
    n_hits: int
    matched: set[tuple[int, str]]


def measure(run: Run) -> Figures:
    """Return time, recall, and the room that the archive takes, by archived hours."""
    run.note("descriptors")
    clips = sorted(demonstration(), key=lambda file: file.stem != CASE_CLIP)
    minutes = Minutes(clips, run.seed)
    pieces = asyncio.run(pieces_of(clips[0]))
    archive, before = MilvusArchive(run.folder / "archive"), resident_bytes()
    figures: Figures = {}
    n_filled = 0
    for hours in _HOURS:
        if hours > run.size(_QUICK, _FULL):
            figures[f"seconds_{hours}h"] = not_measured("the archive takes too long to fill")
            continue
        run.note(f"{hours} hours")
        filled_s = _fill(archive, minutes, n_filled, 60 * hours)
        n_filled = 60 * hours
        figures |= _searched(archive, pieces, minutes, n_filled, hours)
        figures[f"bytes_per_minute_{hours}h"] = round(_disk_bytes(run.folder / "archive") / n_filled)
        figures[f"memory_mib_{hours}h"] = round((resident_bytes() - before) / 2**20)
        figures[f"add_ms_{hours}h"] = round(1000 * filled_s, 2)
        figures["bytes_per_minute"], figures["recall"] = (
            figures[f"bytes_per_minute_{hours}h"], figures[f"recall_{hours}h"],
        )  # fmt: skip
    archive.close()
    return figures


async def pieces_of(file: Path) -> list[Reference]:
    """Return the pieces of pictures and of sound of a reference."""
    settings = load_settings()
    reference = SetReference(id=_CASE, case=_CASE, path=str(file))
    found = await describe_references(settings, load_models(), Cache(None, load_models(), settings.media), [reference])
    return [piece for _, piece in found if piece.modality in {"visual", "audio"}]


def _fill(archive: MilvusArchive, minutes: Minutes, first: int, end: int) -> float:
    """Add minutes, and return the seconds of one record."""
    used_s = 0.0
    for number in range(first, end):
        for at, described in enumerate(minutes.of(number)):
            began_s = time.perf_counter()
            archive.add(Hit(0, _PER_MINUTE * number + at), described)
            used_s += time.perf_counter() - began_s
        while archive.compact():
            pass
    archive.sync()
    return used_s / (_PER_MINUTE * max(1, end - first))


def _searched(archive: MilvusArchive, pieces: list[Reference], minutes: Minutes, n_minutes: int, hours: int) -> Figures:
    index, tokens = index_of(pieces)
    wanted = {
        (number, piece.modality)
        for number in filter(minutes.is_copy, range(n_minutes))
        for piece in pieces
        if (match := index.match_one(tokens[piece.modality], _of(minutes.of(number), piece))) is not None
        and match.score >= MATCHED
    }
    found = _late(archive, pieces, minutes, (index, tokens))
    n_found = sum(key in found.matched for key in wanted)
    return {
        f"seconds_{hours}h": round(found.search_s + found.compare_s, 2),
        f"search_s_{hours}h": round(found.search_s, 2),
        f"hits_{hours}h": found.n_hits,
        f"copies_{hours}h": len(wanted),
        f"recall_{hours}h": round(n_found / max(1, len(wanted)), 4),
    }


def _late(
    archive: MilvusArchive, pieces: list[Reference], minutes: Minutes, case: tuple[ReferenceIndex, dict[str, str]]
) -> _Found:
    index, tokens = case
    search_s = compare_s = 0.0
    n_hits = 0
    matched: set[tuple[int, str]] = set()
    for piece in pieces:
        began_s = time.perf_counter()
        rule = index.candidate_rule(tokens[piece.modality], piece)
        assert rule is not None  # the pieces are in memory
        hits = archive.search(piece, {0}, rule)
        search_s += time.perf_counter() - began_s
        n_hits += len(hits)
        for hit in hits:
            past = minutes.of(hit.offset // _PER_MINUTE)[hit.offset % _PER_MINUTE]
            began_s = time.perf_counter()
            match = index.match_one(tokens[piece.modality], past)
            compare_s += time.perf_counter() - began_s
            if match is not None and match.score >= MATCHED:
                matched.add((hit.offset // _PER_MINUTE, piece.modality))
    return _Found(search_s, compare_s, n_hits, matched)


def index_of(pieces: list[Reference]) -> tuple[ReferenceIndex, dict[str, str]]:
    """Return an index of the case, and the token of each modality's piece."""
    now = datetime.now(UTC)
    entries = [
        (piece.modality, Case(case_id=_CASE, name="", opened_at=now, reference=piece), piece) for piece in pieces
    ]
    index = ReferenceIndex(entries)
    return index, {piece.space[0]: token for token, piece in index.pieces.items()}


def _of(described: list[Descriptors], piece: Reference) -> Descriptors:
    return next(one for one in described if one.modality == piece.modality)


def _disk_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
