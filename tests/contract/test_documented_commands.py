"""The documents name commands and options of `jikimi` that exist."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from streams.cli import app
from tests.contract.test_documents import DOCUMENTS, ROOT

_JIKIMI: Any = get_command(app)
_LINE = re.compile(r"^(?: {4})?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?jikimi ([^#|\n]+)", re.MULTILINE)
"""A line of a code block, without its comment."""
_INLINE = re.compile(r"`(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?jikimi ([^`\n]+)`")
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
NAMED = sorted(
    {
        (str(document.relative_to(ROOT)), line.strip())
        for document in DOCUMENTS
        for pattern in (_LINE, _INLINE)
        for line in pattern.findall(document.read_text(encoding="utf-8"))
    }
)


def unknown(line: str) -> list[str]:
    """Return the first word that is no command, or the options that its command does not have."""
    command = _JIKIMI
    words = line.replace("[", "").replace("]", "").split()
    while words and (below := getattr(command, "commands", {}).get(words[0])) is not None:
        command = below
        words.pop(0)
    if command is _JIKIMI:
        return words[:1]
    return sorted(set(_OPTION.findall(" ".join(words))) - {*options(command), "--help"})


def options(command: Any) -> Iterator[str]:
    """Yield the options of a command, and of those below it, one of which may be the default."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for below in getattr(command, "commands", {}).values():
        yield from options(below)


def test_the_commands_are_found() -> None:
    assert len(NAMED) > 200
    assert ("ops/docs/evidence.md", "evidence verify pack.zip --key centre.pem") in NAMED


@pytest.mark.parametrize("line", ["frob CASE", "case show CASE --nonsense", "evidence CASE --lnag ko"])
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    assert unknown(line) in (["frob"], ["--nonsense"], ["--lnag"])


def test_every_command_and_option_in_the_documents_exists() -> None:
    assert {(document, line): found for document, line in NAMED if (found := unknown(line))} == {}
