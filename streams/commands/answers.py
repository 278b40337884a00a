"""`jikimi answers`: what platforms answer to notices, over HTTP and as bounces of mail."""

import asyncio
from typing import Annotated

import typer

from streams.commands.console import console
from streams.commands.needs import needs
from streams.settings import load_settings
from streams.telemetry.logs import configure_service_logging


@needs("operate")
def answers(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port for HTTP; 0 for any free one.", min=0, max=65535)] = 8081,
    smtp_port: Annotated[
        int | None, typer.Option(help="Port for bounces of mail; none by default.", min=0, max=65535)
    ] = None,
) -> None:
    """Accept the answers of platforms to notices, at /v1/answers/PLATFORM, and bounces of mail."""
    from streams.delivery.answers.serve import serve_answers  # noqa: PLC0415 - only this command needs it

    configure_service_logging()
    asyncio.run(serve_answers(load_settings(), host, port, smtp_port, console))
