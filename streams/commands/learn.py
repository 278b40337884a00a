"""`jikimi learn`: a candidate of fusion, calibrated on reviewers' labels."""

from pathlib import Path
from typing import Annotated

import typer

from streams.audit.acting import acting
from streams.commands.hints import hint
from streams.commands.needs import needs
from streams.commands.options import Why
from streams.commands.reason import reason
from streams.rights.person import current_person
from streams.settings import load_settings


@needs("replay")
def learn(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the candidate and its manifest.")] = Path(
        "var/learned"
    ),
    seed: Annotated[int, typer.Option(help="Seed of the folds and of the interval.", min=0)] = 0,
    why: Why = "",
) -> None:
    """Refit fusion's calibration to the labels of reviewed posts; write a candidate if unseen cases gain by it.

    It changes nothing that is live: replay, compare and promote the candidate as any other.
    """
    from streams.replay.learn import learn as refit  # noqa: PLC0415 - only this command needs it
    from streams.replay.learn import report, write_candidate  # noqa: PLC0415 - likewise

    settings, why = load_settings(), reason(why)
    learned = refit(settings, seed)
    print("\n".join(report(learned)))  # noqa: T201 - output of a command
    if not learned.is_better:
        print("not better: nothing is written")  # noqa: T201 - likewise
        raise typer.Exit(1)
    with acting(settings, current_person(settings), "replay", learned.full_name, why, detail="learn"):
        manifest = write_candidate(learned, out)
    print(f"{learned.full_name} is a candidate in {manifest}")  # noqa: T201 - likewise
    replay = f"JIKIMI_MANIFEST={manifest.absolute()} jikimi replay --from scores --since 24h"
    hint(
        f"`{replay} --run LIVE` and `{replay} --with fusion={learned.full_name} --run ID`, "
        "then `jikimi replay compare ID --against LIVE --labels` and `jikimi promote ID`"
    )
