"""The Dockerfile names existing files, and the published image contains nothing that may not be redistributed."""

import re
import shlex
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from models import fetch
from models.manifest import MANIFEST, ModelError, read_manifest
from tests.support.commands import parse

ROOT = Path(__file__).parents[3]
RECIPE = ROOT / "ops" / "image" / "Dockerfile"
TEXT = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^\s*#.*\n", "", RECIPE.read_text("utf-8")))
STAGES = {name: (base, body) for base, name, body in re.findall(r"(?ms)^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", TEXT)}
PROPRIETARY = {entry.package.replace("_", "-") for entry in read_manifest(MANIFEST) if "proprietary" in entry.licence}


def lineage(stage: str) -> list[str]:
    """Return a stage and the stages that its layers come from."""
    base, body = STAGES[stage]
    others = [base, *re.findall(r"COPY --from=(\w+)", body)]
    return [stage, *(found for other in others if other in STAGES for found in lineage(other))]


def picked(*arguments: str) -> set[str]:
    """Return the names printed by pick.awk, run as in the Dockerfile."""
    done = subprocess.run(["awk", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return pinned(done.stdout)


def picks() -> dict[str, set[str]]:
    """Return the output of each awk of the Dockerfile, by its file."""
    found = re.findall(r"awk (.+?) > (\S+)", STAGES["build"][1])
    return {file: picked(*shlex.split(line.replace("-f pick.awk", "-f ops/image/pick.awk"))) for line, file in found}


def pinned(text: str) -> set[str]:
    """Return the names of the packages that a lock file pins."""
    return set(re.findall(r"(?m)^([\w.-]+)==", text))


LOCKED = pinned((ROOT / "requirements.lock").read_text("utf-8"))


def test_there_is_one_package_that_may_not_be_redistributed() -> None:
    assert len(PROPRIETARY) == 1


def test_the_published_image_contains_nothing_that_may_not_be_redistributed() -> None:
    assert list(STAGES)[-1] == "published"  # the default target
    assert "complete" not in lineage("published")
    installed = set().union(*(names for file, names in picks().items() if file != "sscd.txt"))
    assert not installed & PROPRIETARY
    bodies = "".join(STAGES[stage][1] for stage in lineage("published"))
    assert not re.search(r"requirement\S* \S*sscd\.txt", bodies)
    assert not any(re.search(rf"pip install [^&\n]*{name}", bodies) for name in PROPRIETARY)


def test_the_complete_image_holds_every_locked_package() -> None:
    files = picks()
    assert files["sscd.txt"] == PROPRIETARY
    assert files["sscd.txt"] | files["locked.txt"] == LOCKED
    assert "--requirement /opt/jikimi/sscd.txt" in STAGES["complete"][1]
    assert "complete" in lineage("gpu")


@pytest.mark.parametrize("file", ["build.txt", "otlp.txt"])
def test_picked_packages_include_their_requirements(file: str) -> None:
    names = picks()[file]
    installed = names | (LOCKED if file == "otlp.txt" else set())
    assert names
    for name in names:
        for requirement in map(Requirement, distribution(name).requires or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert requirement.name.lower() in installed, (name, requirement)


def test_everything_that_a_lock_file_can_pin_is_installed_by_hash() -> None:
    without = [line for line in re.findall(r"pip install [^&\n]+", TEXT) if "--require-hashes" not in line]
    assert [line.split()[-1] for line in without] == ["dist/*.whl", '"onnxruntime-gpu[cuda,cudnn]<=$version"']


def test_every_copied_path_exists_and_reaches_the_builder() -> None:
    ignored = RECIPE.with_name("Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert ignored[1] == "*"
    for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", TEXT):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists()
            assert f"!{source}" in ignored
    for stage, path in re.findall(r"COPY --from=(\w+) (\S+)", TEXT):
        assert path.rpartition("/")[2] in STAGES[stage][1] or path in STAGES[stage][1]


@pytest.mark.parametrize("stage", ["complete", "gpu", "published"])
def test_an_image_s_last_user_is_not_root(stage: str) -> None:
    text = "".join(STAGES[each][1] for each in reversed(lineage(stage)) if each not in {"build", "models"})
    assert re.findall(r"(?m)^USER (\S+)", text)[-1] == "10001:10001"


def test_its_commands_exist() -> None:
    entry, command = re.findall(r'(?:ENTRYPOINT|CMD) \["([^"]+)"\]', TEXT)
    assert (entry, command) == ("jikimi", "--help")
    assert 'jikimi = "streams.cli:main"' in (ROOT / "pyproject.toml").read_text("utf-8")
    parse(["worker", "all"])
    assert re.findall(r"python -m (models\.\S+)", TEXT) == [fetch.__name__]


def test_models_are_exported_at_build_time_and_verified(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.toml"
    manifest.write_text(MANIFEST.read_text("utf-8"), "utf-8")
    (tmp_path / "use-multilingual-3.onnx").write_bytes(b"not the pinned bytes")
    with pytest.raises(ModelError, match="as in the manifest"):
        fetch.fetch(tmp_path, manifest)


def test_a_folder_is_required(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["models.fetch"])
    with pytest.raises(SystemExit, match="2"):
        fetch.main()
    assert "folder" in capsys.readouterr().err
