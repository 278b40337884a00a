"""`jikimi audit`: the keys that sign events and acts."""

import typer

from streams.commands.console import console
from streams.commands.needs import needs
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Keys of the signed log of takedowns and acts.")


@app.callback()
def _group() -> None:
    """Keep the subcommand's name also while there is only one."""


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
