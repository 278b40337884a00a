"""Tables in the documentation that are generated from the code."""

from pathlib import Path


def table_of(document: Path, column: str) -> str:
    """Return the table in a page whose first column has this heading; raises ValueError if there is none."""
    text = document.read_text("utf-8")
    return text[text.index(f"| {column} |") :].partition("\n\n")[0].rstrip("\n") + "\n"


def write_table(document: Path, column: str, table: str) -> None:
    """Replace the table in a page whose first column has this heading; raises ValueError if there is none."""
    text = document.read_text("utf-8")
    document.write_text(text.replace(table_of(document, column), table), "utf-8")
