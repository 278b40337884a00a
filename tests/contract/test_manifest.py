"""The manifest agrees with the files and graphs of this installation."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import onnxruntime as ort
import pytest

from models.manifest import MANIFEST, Entry, locate, read_manifest

ENTRIES = read_manifest(MANIFEST)
PINNED = [entry for entry in ENTRIES if entry.sha256 and (not entry.optional or find_spec("resemblyzer"))]
"""Pinned entries, without the voice model where its weights are not installed."""
GRAPHS = [entry for entry in PINNED if entry.modality != "fusion"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.mark.parametrize("entry", PINNED, ids=lambda entry: entry.full_name)
def test_the_files_have_the_pinned_checksums(entry: Entry, cache: Path) -> None:
    assert hashlib.sha256(locate(entry, cache).read_bytes()).hexdigest() == entry.sha256


@pytest.mark.parametrize("entry", GRAPHS, ids=lambda entry: entry.full_name)
def test_inputs_and_outputs_equal_the_graphs(entry: Entry, cache: Path) -> None:
    session = ort.InferenceSession(locate(entry, cache).read_bytes(), providers=["CPUExecutionProvider"])
    found = {part.name: part for part in [*session.get_inputs(), *session.get_outputs()]}
    stated = {**entry.inputs, **entry.outputs}
    assert set(found) == set(stated)
    for name, part in found.items():
        dtype = {"tensor(float)": "float32"}.get(part.type, part.type.removeprefix("tensor(").removesuffix(")"))
        assert stated[name].startswith(dtype)
        assert all(str(size) in stated[name] for size in part.shape if isinstance(size, int))


@pytest.mark.parametrize("modality", ["visual", "audio", "text", "fusion"])
def test_each_modality_has_exactly_one_default(modality: str) -> None:
    assert sum(entry.default for entry in ENTRIES if entry.modality == modality) == 1


def test_names_are_unique_and_every_entry_names_its_licence_and_source() -> None:
    assert len({(entry.modality, entry.full_name) for entry in ENTRIES}) == len(ENTRIES)
    assert all(entry.licence and entry.source for entry in ENTRIES)


def test_only_redistributable_files_are_committed() -> None:
    files = [path for ending in ("onnx", "json") for path in MANIFEST.parent.rglob(f"*.{ending}")]
    committed = {path.relative_to(MANIFEST.parent).as_posix() for path in files}
    assert committed == {entry.path for entry in ENTRIES if entry.origin == "file"}


def test_every_default_is_pinned() -> None:
    assert not [entry.name for entry in ENTRIES if entry.default and not entry.sha256]
