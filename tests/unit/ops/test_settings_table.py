"""The page of settings."""

from ops.chart.settings import names
from ops.settings_table import DOCUMENT, page
from streams.settings import Settings


def test_the_page_is_current() -> None:
    assert DOCUMENT.read_text("utf-8") == page(), "run `python -m ops.settings_table`"


def test_every_setting_has_a_row_with_a_meaning() -> None:
    rows = {row.split(" | ")[0].strip("|` "): row.split(" | ") for row in page().splitlines() if row.startswith("| `")}
    assert rows.keys() == {f"{prefix}{name.upper()}" for prefix, name in names(Settings)}
    assert [name for name, row in rows.items() if len(row[3]) < len("Its key. |")] == []


def test_defaults_and_units_are_those_of_the_classes_and_secrets_are_not_shown() -> None:
    text = page()
    assert "| `JIKIMI_FUSION_DEADLINE_S` | `30.0` | s |" in text
    assert "| `JIKIMI_ROLES` | `officer,reviewer,operator,auditor` |  |" in text
    assert "| `JIKIMI_HTTP_TOKEN` | a secret |  |" in text
