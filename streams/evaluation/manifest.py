"""What a set to evaluate on looks like: references of cases, what is harmless, and uploads with what is expected."""

from pathlib import Path

import msgspec

from schemas.messages import Modality
from streams.errors import UsageError


class SetReference(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a case, or only what it is called."""

    id: str
    case: str
    path: str | None = None
    terms: list[str] = []
    """Names, handles and titles to look for."""


class Query(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One upload: a medium, words, or both."""

    id: str
    path: str | None = None
    text: str | None = None
    expect: str | None = None
    """The case it copies."""
    transform: str | None = None
    """What was done to it."""
    interval: tuple[float, float] | None = None
    """Where in the upload the copy is, seconds."""
    keeps: list[Modality] | None = None
    """Senses by which it can be found; absent, those that it has."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A set; paths are relative to the file that holds it."""

    references: list[SetReference]
    background: list[str] = []
    """Harmless media that uploads are made of too."""
    queries: list[Query]


def read_manifest(file: Path) -> Manifest:
    """Return the set, every path absolute.

    Raises
    ------
    UsageError
        It cannot be read, is none, or contradicts itself.
    """
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:  # also ValidationError
        raise UsageError(f"{file}: {error}") from error
    _check(file, found)
    at = file.absolute().parent
    return Manifest(
        references=[msgspec.structs.replace(each, path=_from(at, each.path)) for each in found.references],
        background=[str(at / path) for path in found.background],
        queries=[msgspec.structs.replace(each, path=_from(at, each.path)) for each in found.queries],
    )


def _from(folder: Path, path: str | None) -> str | None:
    return None if path is None else str(folder / path)


def _check(file: Path, manifest: Manifest) -> None:
    cases = {reference.case for reference in manifest.references}
    seen: set[str] = set()
    for query in manifest.queries:
        if query.id in seen:
            raise UsageError(f"{file}: two queries are called {query.id!r}")
        seen.add(query.id)
        if query.path is None and query.text is None:
            raise UsageError(f"{file}: query {query.id!r} has neither a path nor a text")
        if query.expect is not None and query.expect not in cases:
            raise UsageError(f"{file}: query {query.id!r} expects {query.expect!r}, a case without references")
    if not cases or not seen:
        raise UsageError(f"{file}: a set needs references and queries")
    for reference in manifest.references:
        if reference.path is None and not reference.terms:
            raise UsageError(f"{file}: reference {reference.id!r} has neither a path nor terms")
