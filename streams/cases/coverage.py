"""Coverage of cases: whether the models of a choice have described their references."""

from collections.abc import Iterable, Mapping, Sequence

from schemas.ids import full_name
from schemas.messages import MODALITIES, Case, Choice, PieceModality, Reference
from streams.cases.entries import references_of
from streams.errors import UsageError

_MAX_LISTED = 10

type Gap = tuple[PieceModality, str]
"""Modality, and id of a reference that the choice's model of that modality has not described."""


def coverage_gaps(entries: Iterable[Case], choice: Choice) -> list[Gap]:
    """Return the references of a case that these models cannot match.

    The first piece of a reference is written last, so if it exists all do. Voices have no part in a choice: there is
    one voice model, and it is not promoted.
    """
    pieces = [piece for piece in references_of(entries) if piece.modality in MODALITIES]
    wanted = {(piece.modality, piece.reference_id) for piece in pieces}
    described = {(p.modality, p.reference_id) for p in pieces if p.segment == 0 and described_by(p, choice)}
    return sorted(wanted - described)


def described_by(piece: Reference, choice: Choice) -> bool:
    """Return whether the choice's model described this piece."""
    return bool(full_name(piece.model, piece.version) == getattr(choice, piece.modality))


def refuse_uncovered(cases: Mapping[str, Sequence[Case]], choice: Choice) -> None:
    """Refuse a choice that does not cover every open case and allowed file: copies of the latter would be acted on.

    Raises
    ------
    UsageError
        Some cases are not covered; the message names them and the command that describes them.
    """
    gaps = {case_id: found for case_id, entries in sorted(cases.items()) if (found := coverage_gaps(entries, choice))}
    if not gaps:
        return
    modalities = sorted({modality for of_case in gaps.values() for modality, _ in of_case})
    names = ",".join(f"{modality}={getattr(choice, modality)}" for modality in modalities)
    more = f" and {len(gaps) - _MAX_LISTED} more" if len(gaps) > _MAX_LISTED else ""
    raise UsageError(
        f"{len(gaps)} of {len(cases)} open cases would not be found by {names}: "
        f"{', '.join(list(gaps)[:_MAX_LISTED])}{more}; "
        f"describe them first: `jikimi case describe CASE_ID --reference FILE --with {names}`"
    )
