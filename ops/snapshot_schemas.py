"""Keep the current version of every changed message in schemas/history, unless it cannot read earlier versions.

python -m ops.snapshot_schemas
"""

import json
import sys
from pathlib import Path

import typer

from schemas.avro import history, schema
from schemas.compatibility import breaking_changes

_SCHEMAS = Path(__file__).parents[1] / "schemas"


def main() -> int:
    """Write the next version of each changed schema; return 1 if one of them is breaking."""
    names = sorted(file.stem for file in _SCHEMAS.glob("*.avsc"))
    return max(snapshot(name) for name in names)


def snapshot(name: str) -> int:
    """Keep this schema's current version if it is new; print the reasons and return 1 if it is breaking."""
    versions, current = history(name), schema(name).text
    if current in versions[-1:]:
        return 0
    problems = [problem for old in versions for problem in breaking_changes(json.loads(old), json.loads(current))]
    for problem in problems:
        typer.echo(f"{name}.avsc {problem}", err=True)
    if problems:
        return 1
    file = _SCHEMAS / "history" / name / f"{len(versions) + 1}.avsc"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(current)
    typer.echo(f"kept {file.relative_to(_SCHEMAS.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
