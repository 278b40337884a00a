"""`jikimi case describe`: descriptors of a case's own files by further models."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from models.registry import Registry
from schemas.ids import full_name
from schemas.matrix import unpack
from schemas.messages import Case, Choice, Reference
from streams.cases.coverage import coverage_gaps, described_by
from streams.cases.entries import is_terms, read_case, reference_key, references_of
from streams.describe.describers import Describers
from streams.describe.exact import exact_key
from streams.describe.reference_ids import reference_id
from streams.describe.reference_maker import ReferenceMaker, check_readable
from streams.desk.case_files import describe_files
from streams.errors import UsageError
from streams.kafka.producer import writing
from streams.live_models.deployments import read_history
from streams.live_models.selection import change_choice, create_registry, default_choice
from streams.settings import Settings

_SAME = 0.99
"""Cosine of a sentence with itself, stored as float16."""


def describe_case(
    settings: Settings, case_id: str, files: Sequence[Path], phrases: Sequence[str], changes: str
) -> list[str]:
    """Add descriptors of a case's references by the changed live choice; return the remaining gaps as text.

    Raises
    ------
    UsageError
        There is no such case, or a file or phrase is not one of its references. Nothing was written then.
    ModelError
        A model is not available.
    """
    for file in files:
        check_readable(file)
    return asyncio.run(_describe(settings, case_id, files, phrases, changes))


async def _describe(
    settings: Settings, case_id: str, files: Sequence[Path], phrases: Sequence[str], changes: str
) -> list[str]:
    registry = create_registry(settings)
    history = await read_history(settings, default_choice(registry, settings))
    choice = change_choice(history.live, changes, registry)
    entries = await read_case(settings, case_id)
    _refuse_foreign(case_id, files, entries)
    describers = await asyncio.to_thread(Describers.of, registry, [choice], voice=settings.voice)
    maker = ReferenceMaker(describers, exact_key(settings))
    pieces, _ = await describe_files(settings, maker, case_id, files)
    pieces += _terms(registry, maker, entries, choice, phrases)
    new = [piece for piece in pieces if _identity(piece) not in {_identity(old) for old in references_of(entries)}]
    case = msgspec.structs.replace(entries[0], policy=None, reference=None, data_key=b"")
    written = [msgspec.structs.replace(case, reference=piece) for piece in new]
    with writing(settings) as writer:
        for entry, piece in zip(written, new, strict=True):
            writer.write("cases", reference_key(case_id, piece), entry)
    return [f"{modality} of {reference}" for modality, reference in coverage_gaps([*entries, *written], choice)]


def _refuse_foreign(case_id: str, files: Sequence[Path], entries: Sequence[Case]) -> None:
    own = {piece.reference_id for piece in references_of(entries)}
    for file in files:
        if reference_id(case_id, file) not in own:
            raise UsageError(f"{file} is not a reference of {case_id}: only the files it was opened with are")


def _terms(
    registry: Registry, maker: ReferenceMaker, entries: Sequence[Case], choice: Choice, phrases: Sequence[str]
) -> list[Reference]:
    """Return the case's terms for the chosen text model: digests depend on no model, phrases are described again."""
    by_id: dict[str, list[Reference]] = {}
    for piece in references_of(entries):
        if is_terms(piece.reference_id):
            by_id.setdefault(piece.reference_id, []).append(piece)
    if phrases and not by_id:
        raise UsageError("the case has no phrases")
    lacking = [own[0] for own in by_id.values() if not any(described_by(piece, choice) for piece in own)]
    n_phrases = sum(old.vectors.rows for old in lacking)
    if lacking and phrases and len(phrases) != n_phrases:
        raise UsageError(_not_own(n_phrases))
    if not phrases:
        lacking = [old for old in lacking if not old.vectors.rows]  # others stay gaps: phrases are stored nowhere
    made: list[Reference] = []
    for old in lacking:
        pieces = maker.terms(old.digests, _phrases_of(old, phrases, registry, n_phrases))
        made += [msgspec.structs.replace(piece, reference_id=old.reference_id) for piece in pieces]
    return made


def _phrases_of(old: Reference, phrases: Sequence[str], registry: Registry, n_phrases: int) -> list[str]:
    """Return those of the case's phrases that an old piece describes, in its order.

    Raises
    ------
    UsageError
        One of its phrases is not among them.
    """
    if not old.vectors.rows:
        return []
    similarity = unpack(old.vectors) @ registry.text(full_name(old.model, old.version)).describe(phrases).T
    if not (np.max(similarity, axis=1) > _SAME).all():
        raise UsageError(_not_own(n_phrases))
    return [phrases[number] for number in np.argmax(similarity, axis=1)]


def _not_own(n_phrases: int) -> str:
    return f"these are not the {n_phrases} phrases of the case"


def _identity(piece: Reference) -> tuple[str, str, int, str]:
    return piece.reference_id, piece.modality, piece.segment, full_name(piece.model, piece.version)
