"""The documents name files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("", "helm", "models", "ops", "schemas", "streams", "tests")
DOCUMENTS = sorted(
    {file for name in FOLDERS for file in (ROOT / name).glob("**/*.md" if name else "*.md")},
    key=lambda file: file.parts,
)
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")
PATH = re.compile(r"`((?:models|ops|schemas|streams|tests)/[\w./-]+\.\w+)(?:::(\w+))?`")
"""With the name of a test."""
PROGRAM = re.compile(r"python -m ((?:models|ops|streams)\.[\w.]*\w)")


def missing(document: Path) -> set[str]:
    """Return the relative links, and the paths and tests in backticks, that lead to nothing."""
    text = document.read_text(encoding="utf-8")
    links = {link for link in LINK.findall(text) if not (document.parent / link).exists()}
    named = PATH.findall(text)
    paths = {path for path, _ in named if not (ROOT / path).exists()}
    tests = {(path, test) for path, test in named if test and path not in paths}
    return links | paths | {f"{path}::{test}" for path, test in tests if not has_test(ROOT / path, test)}


def has_test(file: Path, name: str) -> bool:
    return re.search(rf"^(async )?def {name}\(", file.read_text(encoding="utf-8"), re.MULTILINE) is not None


def test_the_documents_are_found() -> None:
    assert {ROOT / "README.md", ROOT / "ops/docs/guarantees.md", ROOT / "ops/runbooks/JikimiBug.md"} <= set(DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    assert not missing(document)


def test_every_program_that_a_document_names_exists_and_has_a_help() -> None:
    named = {name for document in DOCUMENTS for name in PROGRAM.findall(document.read_text(encoding="utf-8"))}
    assert len(named) > 40
    assert [name for name in sorted(named) if "sys.argv[" in source(name)] == []  # argparse or typer has the help


def source(module: str) -> str:
    """Return the source of a program, "sys.argv[" if there is none."""
    path = ROOT.joinpath(*module.split("."))
    files = (path.with_suffix(".py"), path / "__main__.py")
    return next((file.read_text(encoding="utf-8") for file in files if file.exists()), "sys.argv[")


def test_a_link_and_a_path_to_nothing_are_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(
        "[a](gone.md#there), [b](https://example.org/x), `streams/gone.py` and `streams/cli.py`,"
        " `tests/gone.py::test_x`,"
        " `tests/contract/test_documents.py::test_gone`,"
        " `tests/contract/test_documents.py::test_the_documents_are_found`"
    )
    assert missing(document) == {
        "gone.md", "streams/gone.py", "tests/gone.py", "tests/contract/test_documents.py::test_gone",
    }  # fmt: skip


def test_the_threat_model_names_a_test_for_each_attacker() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("## Threats")[2].partition("\n## ")[0]
    rows = [row.split(" | ") for row in text.splitlines() if row.startswith("| **")]
    assert len(rows) >= 8
    assert all(len(row) == 4 for row in rows)
    assert [row[0] for row in rows if not PATH.search(row[2])] == []
