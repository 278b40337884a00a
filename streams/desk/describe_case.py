"""`jikimi case describe`: descriptors of a case's own files by further models."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from models.registry import Registry
from schemas.matrix import unpack
from schemas.messages import Case, Choice, Reference
from streams.cases.coverage import coverage_gaps, described_by, model_of
from streams.cases.entries import read_case, reference_key, references_of
from streams.describe.reference_maker import TERMS, Describers, ReferenceMaker, check_readable, reference_id
from streams.desk.open_case import describe_files
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
    maker = ReferenceMaker(await asyncio.to_thread(Describers.of, registry, [choice], voice=settings.voice))
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
    described = [piece for piece in references_of(entries) if piece.reference_id == TERMS]
    if phrases and not described:
        raise UsageError("the case has no phrases")
    if not described or any(described_by(piece, choice) for piece in described):
        return []
    old = described[0]
    if old.vectors.rows and not phrases:
        return []  # a remaining gap: the phrases themselves are stored nowhere
    if not _are_same(phrases, old, registry):
        raise UsageError(f"these are not the {old.vectors.rows} phrases that the case was opened with")
    return maker.terms(old.digests, phrases)


def _are_same(phrases: Sequence[str], old: Reference, registry: Registry) -> bool:
    """Return whether the old piece describes exactly these phrases."""
    if len(phrases) != old.vectors.rows:
        return False
    similarity = registry.text(model_of(old)).describe(phrases) @ unpack(old.vectors).T
    return bool(not phrases or (np.max(similarity, axis=0) > _SAME).all())


def _identity(piece: Reference) -> tuple[str, str, int, str]:
    return piece.reference_id, piece.modality, piece.segment, model_of(piece)
