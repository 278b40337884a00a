"""Write the dashboards and the rules that the chart ships: python -m ops.grafana."""

import typer

from ops.grafana import boards
from ops.prometheus import rules


def main() -> None:
    """Write all files, and remove those without a source."""
    made = boards.files() | rules.files()
    for stale in {*boards.FOLDER.glob("*.json"), *rules.FOLDER.glob("*.yaml")} - made.keys():
        stale.unlink()
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    typer.echo(f"{len(boards.files())} dashboards and {len(rules.files())} rule files written")


if __name__ == "__main__":
    main()
