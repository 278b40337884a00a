"""Write the files of the Helm chart that are generated from the code: topics, rights of their users, and settings.

python -m ops.chart
"""

import sys

import typer

from ops.chart.written import CHART, written


def main() -> int:
    """Write all files that differ from their source."""
    for name, text in written().items():
        file = CHART / name
        if not file.exists() or file.read_text("utf-8") != text:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
            typer.echo(f"wrote {file.relative_to(CHART.parents[1])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
