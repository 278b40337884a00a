"""The manifest's entries, where their files are, and their bytes once verified."""

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

from schemas.messages import Modality

MANIFEST = Path(__file__).with_name("manifest.toml")


class ModelError(Exception):
    """A model cannot be had: missing, not the pinned bytes, or not in the manifest. The message says how to mend it."""


Kind = Modality | Literal["fusion", "explicit"]
"""What a model is for: to describe one modality, to join the scores of all, or to tell a reviewer what awaits them."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of the manifest; the fields' meaning stands at the top of manifest.toml."""

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
        """Name and version, as settings, runs and deployments name it."""
        return f"{self.name}@{self.version}"

    @property
    def cached_name(self) -> str:
        """File name in the cache, of an exported graph."""
        return f"{self.name}-{self.version}.onnx"


def read_manifest(path: Path) -> list[Entry]:
    """Return the entries of a manifest.

    Raises
    ------
    ModelError
        If it is not a manifest.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text())["model"], list[Entry])
    except (OSError, KeyError, tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise ModelError(f"{path}: not a manifest of models: {exc}") from exc


def read_manifests(path: Path, extra: Path | None) -> list[Entry]:
    """Return the entries of a manifest and of another one with candidates, whose files lie beside it.

    Raises
    ------
    ModelError
        If one is not a manifest, or the other one names again what the first has.
    """
    entries = read_manifest(path)
    if extra is None:
        return entries
    known = {(entry.modality, entry.full_name) for entry in entries}
    for entry in read_manifest(extra):
        if (entry.modality, entry.full_name) in known:
            raise ModelError(f"{extra}: {entry.modality} {entry.full_name} is there already: give it another version")
        if entry.default:
            raise ModelError(f"{extra}: {entry.full_name} is a candidate, not a default: promote it instead")
        known.add((entry.modality, entry.full_name))
        entries.append(_beside(extra, entry))
    return entries


def _beside(manifest: Path, entry: Entry) -> Entry:
    if entry.origin != "file":
        return entry
    return msgspec.structs.replace(entry, path=str(manifest.absolute().parent / entry.path))


def default_cache() -> Path:
    """Return the folder of exported graphs."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "jikimi" / "models"


def locate(entry: Entry, cache: Path) -> Path:
    """Return where the file is, exporting it into the cache if that is where it comes from and it is not there yet.

    Raises
    ------
    ModelError
        If the package is not installed, the export cannot be made here or the cache cannot be written.
    """
    match entry.origin:
        case "file":
            return MANIFEST.parent / entry.path
        case "package":
            spec = importlib.util.find_spec(entry.package)
            if spec is None or spec.origin is None:
                mend = f": pip install 'jikimi[{entry.extra}]'" if entry.extra else ""
                raise ModelError(f"{entry.name}: package {entry.package} is not installed{mend}")
            return Path(spec.origin).parent / entry.path
        case "export":
            path = cache / entry.cached_name
            if not path.exists():
                _export(entry, path)
            return path


def _export(entry: Entry, path: Path) -> None:
    try:
        write_atomically(path, importlib.import_module(entry.module).export())
    except OSError as exc:
        raise ModelError(f"{entry.name}: cannot write {path}, set JIKIMI_MODEL_CACHE_DIR: {exc.strerror}") from exc


def verified_bytes(entry: Entry, path: Path) -> bytes:
    """Return the file's bytes, which are the pinned ones.

    Reading once and handing the bytes on leaves no moment to swap the file between the check and the load.

    Raises
    ------
    ModelError
        If the file is missing, not pinned, or other than the manifest says.
    """
    try:
        graph = path.read_bytes()
    except OSError as exc:
        raise ModelError(f"{entry.name}: cannot read {path}: {exc.strerror}") from exc
    found = hashlib.sha256(graph).hexdigest()
    if not entry.sha256:
        raise ModelError(f'{entry.name}: not pinned; after checking {path}, put sha256 = "{found}" in the manifest')
    if found != entry.sha256:
        mend = "; delete the file to export it again" if entry.origin == "export" else ""
        raise ModelError(f"{entry.name}: {path} has sha256 {found}, the manifest says {entry.sha256}: refused{mend}")
    return graph


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or nothing; of two processes at once, the last wins and no reader sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".partial")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
