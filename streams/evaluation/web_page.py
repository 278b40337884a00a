"""Self-contained HTML pages, without scripts or media."""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from string import Template

_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; margin: .5rem 0 }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
.go { color: #176b2c } .no-go { color: #a11; font-weight: 600 } .not { color: #777 }
svg { max-width: 100%; height: auto }
</style>
<h1>$heading</h1>
$body
</html>
""")


def page(title: str, sections: Iterable[tuple[str, str]], outcome: str | None = None) -> str:
    """Return a page.

    Parameters
    ----------
    title
        Plain text.
    sections
        Plain name and HTML of each.
    outcome
        "go" or "no-go", after the title.
    """
    body = "\n".join(f"<h2>{escape(name)}</h2>\n{content}" for name, content in sections)
    suffix = f': <span class="{outcome}">{outcome}</span>' if outcome else ""
    return _PAGE.substitute(title=escape(title), heading=escape(title) + suffix, body=body)


def cell(text: str) -> str:
    """Return a cell of a table."""
    return f"<td>{escape(text)}</td>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], cell: Callable[[str], str] = cell) -> str:
    """Return a table of plain texts, "None." without rows."""
    lines = ["<tr>" + "".join(map(cell, row)) + "</tr>" for row in rows]
    if not lines:
        return "<p>None.</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<table><tr>{head}</tr>\n" + "\n".join(lines) + "</table>"
