"""`jikimi audit`: keys of the signed log, its verification, and decisions about what does not verify."""

from typing import Annotated

import typer

from streams.commands.console import console
from streams.commands.needs import needs
from streams.errors import UsageError
from streams.rights.person import current_person
from streams.settings import load_settings

app = typer.Typer(
    no_args_is_help=True,
    help="The signed log of takedowns and acts: its keys, and what to do where it does not verify.",
)


@app.command("keys")
@needs("verify")
def audit_keys() -> None:
    """Print this machine's key and the trusted keys, public PEM each; creates this machine's key at the first use."""
    from streams.audit.signing import own_signer  # noqa: PLC0415 - only this command needs it
    from streams.audit.trusted_keys import trusted_keys  # noqa: PLC0415 - likewise

    settings = load_settings()
    own = own_signer(settings)
    for key_id, pem in ({own.key_id: own.pem} | trusted_keys(settings).pems).items():
        whose = "this machine's" if key_id == own.key_id else "trusted"
        console.print(f"{key_id}  {whose}\n{pem.decode()}", soft_wrap=True, markup=False, highlight=False)


@app.command("accept")
@needs("accept")
def audit_accept(
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="Event that does not verify.")],
    why: Annotated[str, typer.Option(help="Reason; kept with the decision.")],
) -> None:
    """Let a frozen takedown go on from its last event that verifies; what does not, up to now, is passed over."""
    from streams.desk.audit.accept import accept_event  # noqa: PLC0415 - likewise

    settings = load_settings()
    act = accept_event(settings, event_id, current_person(settings).name, why)
    takedown_id = act.detail.split(" ")[0]
    console.print(f"takedown {takedown_id} goes on; then: jikimi dead-letters redrive --reason takedown_frozen")


@app.command("anchor")
@needs("verify")
def audit_anchor() -> None:
    """Print the last checkpoint as one line, to keep elsewhere: on paper, in a mail to somebody else."""
    from streams.audit.checkpoints import anchor_line  # noqa: PLC0415 - likewise
    from streams.audit.last_checkpoint import last_checkpoint  # noqa: PLC0415 - likewise

    if (checkpoint := last_checkpoint(load_settings())) is None:
        raise UsageError("no checkpoint yet: the takedown stage writes one a minute while something is written")
    print(anchor_line(checkpoint))  # noqa: T201


@app.command("verify")
@needs("verify")
def audit_verify(
    case: Annotated[str, typer.Option(metavar="CASE", help="Only takedowns of this case.")] = "",
    anchor: Annotated[str, typer.Option(metavar="LINE", help="Line of an earlier `jikimi audit anchor`.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Find missing, reordered, altered, forged, truncated and replayed records; exit code 1 if there are any."""
    from streams.desk.audit.report import report  # noqa: PLC0415 - likewise

    if report(load_settings(), console, case_id=case, anchor=anchor, as_json=json):
        raise typer.Exit(1)
