"""Manifest of an evaluation set: references of cases, harmless background, and uploads with their expected case."""

from pathlib import Path

import msgspec

from schemas.messages import Modality
from streams.errors import UsageError

LOOK_ALIKE = "look-alike"
"""Transform of an upload that copies nothing, yet shows the place or the people of a case."""


class SetReference(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a case, or only its terms."""

    id: str
    case: str
    path: str | None = None
    terms: list[str] = []
    """Names, handles and titles to search for."""


class Query(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One upload: media, a text, or both."""

    id: str
    path: str | None = None
    further: list[str] = []
    """Its other media, such as the further pictures of an album."""
    text: str | None = None
    expect: str | None = None
    """The case it copies, None if it is no copy."""
    transform: str | None = None
    """Edit that made it."""
    interval: tuple[float, float] | None = None
    """Interval of the upload that is a copy, seconds."""
    keeps: list[Modality] | None = None
    """Modalities by which it can be found; by default those of its medium."""
    shows: str | None = None
    """Kind of material: `room`, or the name of the video that it is cut from."""

    @property
    def paths(self) -> list[str]:
        """All its media, in the order of the post."""
        return [*([self.path] if self.path is not None else []), *self.further]

    @property
    def look_alike(self) -> bool:
        """Whether it copies nothing, yet shows the place or the people of a case."""
        return self.expect is None and self.transform == LOOK_ALIKE


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation set; paths are relative to the manifest's folder."""

    references: list[SetReference]
    background: list[str] = []
    """Harmless media that uploads also contain."""
    queries: list[Query]


def read_manifest(file: Path) -> Manifest:
    """Return the set, every path absolute.

    Raises
    ------
    UsageError
        The file cannot be read, is no manifest, or is inconsistent.
    """
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except (OSError, ValueError) as error:  # of msgspec, and of UTF-8
        raise UsageError(f"{file}: {error}") from error
    _check(file, found)
    folder = file.absolute().parent
    return Manifest(
        references=[msgspec.structs.replace(each, path=_from(folder, each.path)) for each in found.references],
        background=[str(folder / path) for path in found.background],
        queries=[_absolute(folder, each) for each in found.queries],
    )


def _absolute(folder: Path, query: Query) -> Query:
    further = [str(folder / path) for path in query.further]
    return msgspec.structs.replace(query, path=_from(folder, query.path), further=further)


def _from(folder: Path, path: str | None) -> str | None:
    return None if path is None else str(folder / path)


def _check(file: Path, manifest: Manifest) -> None:
    cases = {reference.case for reference in manifest.references}
    ids: set[str] = set()
    for query in manifest.queries:
        if query.id in ids:
            raise UsageError(f"{file}: two queries have the id {query.id!r}")
        ids.add(query.id)
        if query.path is None and (query.text is None or query.further):
            raise UsageError(f"{file}: query {query.id!r} has neither a path nor a text, or further media only")
        if query.expect is not None and query.expect not in cases:
            raise UsageError(f"{file}: query {query.id!r} expects {query.expect!r}, a case without references")
    if not cases or not ids:
        raise UsageError(f"{file}: a set needs references and queries")
    for reference in manifest.references:
        if reference.path is None and not reference.terms:
            raise UsageError(f"{file}: reference {reference.id!r} has neither a path nor terms")
