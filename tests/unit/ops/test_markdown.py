"""Tables in the documentation that are generated from the code."""

from pathlib import Path

import pytest

from ops.markdown import table_of, write_table

_PAGE = "# 제목\n\n| right | officer |\n|---|---|\n| read | yes |\n\nMore.\n\n| other | x |\n|---|---|\n"
_NEW = "| right | officer | auditor |\n|---|---|---|\n| read | yes | yes |\n"


def test_a_table_is_replaced_also_where_its_columns_have_changed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(_PAGE, "utf-8")
    old = table_of(page, "right")
    write_table(page, "right", _NEW)
    assert old == "| right | officer |\n|---|---|\n| read | yes |\n"
    assert page.read_text("utf-8") == _PAGE.replace(old, _NEW)


def test_a_table_at_the_end_of_a_page_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(_PAGE, "utf-8")
    assert table_of(page, "other") == "| other | x |\n|---|---|\n"


def test_a_page_without_the_table_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(_PAGE, "utf-8")
    with pytest.raises(ValueError, match="substring not found"):
        write_table(page, "metric", _NEW)
    assert page.read_text("utf-8") == _PAGE
