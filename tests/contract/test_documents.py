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
PATH = re.compile(r"`((?:models|ops|schemas|streams|tests)/[\w./-]+\.\w+)`")


def missing(document: Path) -> set[str]:
    """Return the relative links and the paths in backticks that lead to nothing."""
    text = document.read_text(encoding="utf-8")
    links = {link for link in LINK.findall(text) if not (document.parent / link).exists()}
    return links | {path for path in PATH.findall(text) if not (ROOT / path).exists()}


def test_the_documents_are_found() -> None:
    assert {ROOT / "README.md", ROOT / "ops/docs/guarantees.md", ROOT / "ops/runbooks/JikimiBug.md"} <= set(DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    assert not missing(document)


def test_a_link_and_a_path_to_nothing_are_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("[a](gone.md#there), [b](https://example.org/x), `streams/gone.py` and `streams/cli.py`")
    assert missing(document) == {"gone.md", "streams/gone.py"}
