"""Whether a case's references were described by the models that are to find them."""

from collections.abc import Iterable, Mapping, Sequence

from schemas.messages import MODALITIES, Case, Choice, Modality, Reference
from streams.errors import UsageError

_MOST_NAMED = 10

type Lack = tuple[Modality, str]
"""Modality, and id of a reference that the chosen model of it has not described."""


def lacking(entries: Iterable[Case], choice: Choice) -> list[Lack]:
    """Return which references of a case these models could not find.

    The first piece of a reference is written last, so where it is there all are. Voices are of no choice: their model
    is one, and not promoted.
    """
    references = [entry.reference for entry in entries if entry.reference is not None]
    pieces = [piece for piece in references if piece.modality in MODALITIES]
    wanted = {(piece.modality, piece.reference_id) for piece in pieces}
    described = {(p.modality, p.reference_id) for p in pieces if p.segment == 0 and made_by(p, choice)}
    return sorted(wanted - described)


def made_by(piece: Reference, choice: Choice) -> bool:
    """Return whether the choice's model described this piece."""
    return bool(model_of(piece) == getattr(choice, piece.modality))


def model_of(piece: Reference) -> str:
    """Return the model that described a piece, name@version."""
    return f"{piece.model}@{piece.version}"


def refuse_uncovered(cases: Mapping[str, Sequence[Case]], choice: Choice) -> None:
    """Refuse a choice that would not find every open case, and every allowed one: what it does not find it acts on.

    Raises
    ------
    UsageError
        It names the cases, and how to mend it.
    """
    short = {case_id: lacks for case_id, entries in sorted(cases.items()) if (lacks := lacking(entries, choice))}
    if not short:
        return
    modalities = sorted({modality for lacks in short.values() for modality, _ in lacks})
    names = ",".join(f"{modality}={getattr(choice, modality)}" for modality in modalities)
    more = f" and {len(short) - _MOST_NAMED} more" if len(short) > _MOST_NAMED else ""
    raise UsageError(
        f"{len(short)} of {len(cases)} open cases would not be found by {names}: "
        f"{', '.join(list(short)[:_MOST_NAMED])}{more}; "
        f"describe them first: `jikimi case describe CASE_ID --reference FILE --with {names}`"
    )
