"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Why = Annotated[str, typer.Option(help="The reason; it is stored.")]
"""Of every command that is an act."""
Officer = Annotated[
    str, typer.Option(metavar="PSEUDONYM", envvar="JIKIMI_REVIEWER", help="Pseudonym of the person who decided.")
]
MoreFiles = Annotated[list[Path] | None, typer.Argument(metavar="FILES", help="More files, as after one --reference.")]
OfCase = Annotated[str | None, typer.Option("--case", metavar="CASE", help="Only of this case.")]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Also what came since 2026-03-01T12:00 (UTC), or 1h ago.")
]
