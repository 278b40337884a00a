"""The audit of the locked packages: their licences, the bill of materials, and answers of the database."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ops.audit.licences import UNKNOWN, licences, unused_exceptions
from ops.audit.locked import ROOT, Package, locked_packages
from ops.audit.sbom import bill_of_materials
from ops.audit.vulnerabilities import UnavailableError, Vulnerability, read

LOCKED = locked_packages()
FOUND = licences(LOCKED)
HOST = re.compile(r"https?://|pypi\.org|pythonhosted")


def test_all_packages_of_both_lock_files_are_read() -> None:
    for name, runtime_only in (("requirements.lock", True), ("requirements-dev.lock", False)):
        pins = set(re.findall(r"^([\w.-]+)==", (ROOT / name).read_text(), re.MULTILINE))
        assert {one.name for one in LOCKED if one.is_runtime or not runtime_only} == pins
    assert all(one.digests for one in LOCKED)


def test_every_locked_package_has_an_allowed_licence_or_a_reason() -> None:
    assert [f"{one.package.name}: {one.licence}" for one in FOUND if not one.is_allowed] == []
    assert unused_exceptions(FOUND) == []


@pytest.mark.parametrize(
    ("metadata", "licence", "is_allowed"),
    [
        ("License-Expression: MIT OR Apache-2.0", "MIT OR Apache-2.0", True),
        ("License-Expression: MIT AND GPL-3.0-only", "MIT AND GPL-3.0-only", False),
        ("License: GPL", "GPL", False),
        ("License: Apache 2.0", "Apache-2.0", True),
        ("License: Copyright (c) somebody\nClassifier: License :: OSI Approved :: MIT License", "MIT", True),
        ("Classifier: License :: OSI Approved :: GNU Affero General Public License v3",
         "GNU Affero General Public License v3", False),
        ("Summary: nothing", UNKNOWN, False),
    ],
)  # fmt: skip
def test_the_licence_of_a_package(tmp_path: Path, metadata: str, licence: str, *, is_allowed: bool) -> None:
    folder = tmp_path / "some_package-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: Some.Package\nVersion: 1.0\n{metadata}\n")
    (found,) = licences([Package("some-package", "1.0", (), is_runtime=True)], tmp_path)
    assert (found.licence, found.is_allowed) == (licence, is_allowed)


def test_a_package_that_is_not_installed_has_no_licence(tmp_path: Path) -> None:
    (found,) = licences([Package("gone", "1", (), is_runtime=True)], tmp_path)
    assert (found.licence, found.is_allowed) == (UNKNOWN, False)


def test_an_exception_holds_for_one_licence_only(tmp_path: Path) -> None:
    folder = tmp_path / "fpdf2-9.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: fpdf2\nVersion: 9\nLicense-Expression: GPL-3.0-only\n"
    )
    found = licences([Package("fpdf2", "9", (), is_runtime=True)], tmp_path)
    assert not found[0].is_allowed
    assert "fpdf2" in unused_exceptions(found)


def test_the_bill_of_materials_has_all_packages_and_models_with_digests_and_licences() -> None:
    document = bill_of_materials(FOUND)
    components: list[dict[str, Any]] = document["components"]
    models = [one for one in components if one["type"] == "machine-learning-model"]
    assert len(components) == len(LOCKED) + len(models)
    assert {one["name"] for one in models} >= {"sscd-distilled"}
    assert len({one["bom-ref"] for one in components}) == len(components)
    assert all(one["licenses"] for one in components)
    digests = {one["name"]: {found["content"] for found in one["hashes"]} for one in components}
    assert all(set(one.digests) == digests[one.name] for one in LOCKED)
    manifest = (ROOT / "models" / "manifest.toml").read_text()
    in_the_bill = {found["content"] for one in models for found in one["hashes"]}
    assert set(re.findall(r'^sha256 = "(\w+)"', manifest, re.MULTILINE)) == in_the_bill
    assert not HOST.search(json.dumps([one for one in components if one["type"] == "library"]))


def test_no_lock_file_names_a_host() -> None:
    for file in ROOT.glob("requirements*.lock"):
        assert not HOST.search(file.read_text()), file


def test_the_database_has_answered_for_every_package() -> None:
    hole = {"id": "PYSEC-2021-66", "fix_versions": ["2.11.3"], "aliases": [], "description": ""}
    known = [{"name": "jinja2", "version": "2.11.2", "vulns": [hole]}, {"name": "rich", "version": "15", "vulns": []}]
    assert read(json.dumps({"dependencies": known}), "osv") == [
        Vulnerability("jinja2", "2.11.2", "PYSEC-2021-66", ["2.11.3"])
    ]
    skipped = {"name": "typer", "skip_reason": "Dependency not found on PyPI"}
    with pytest.raises(UnavailableError, match="pypi gave no answer for 1 of 3 packages, typer first"):
        read(json.dumps({"dependencies": [*known, skipped]}), "pypi")
