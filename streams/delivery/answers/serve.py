"""Service of `jikimi answers`: answers of platforms over HTTP, and bounces over SMTP, until it is stopped."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

from rich.console import Console
from standardwebhooks import Webhook

from streams.delivery.answers.app import create_app
from streams.delivery.answers.bounce_listener import BounceListener, listening
from streams.delivery.answers.verification import Verification
from streams.delivery.answers.writer import MAX_WAITING, DeliveryWriter
from streams.delivery.channels.return_address import return_address
from streams.delivery.platforms.registry import Platform, WebhookChannel, load_registry
from streams.delivery.secrets import secret, webhook_signer
from streams.engine.stop_signals import stopping_on_signals
from streams.errors import UsageError
from streams.feeds.http.server import StoppableServer, is_loopback, listen, server_config
from streams.kafka.wait_for_broker import wait_for_broker
from streams.settings import Settings
from streams.telemetry.metrics_server import serve_metrics

_STOP_S = 30


async def serve_answers(settings: Settings, host: str, port: int, smtp_port: int | None, console: Console) -> None:
    """Accept answers until the process is stopped.

    Parameters
    ----------
    smtp_port
        Of the listener for bounces; None for no listener.

    Raises
    ------
    UsageError
        A secret or the sender of mails is missing, an address cannot be listened on, or nobody could answer.
    """
    signers = platform_signers(settings)
    _check(settings, signers, host, smtp_port)
    opened = listen(host, port)
    if settings.metrics_port is not None:
        serve_metrics(settings.metrics_port)
    await asyncio.to_thread(wait_for_broker, settings)
    writer = DeliveryWriter(settings)
    async with AsyncExitStack() as stack:
        console.print("listening on http://{}:{}".format(*opened.getsockname()[:2]), highlight=False)
        if smtp_port is not None:
            listener = BounceListener(return_address(settings.delivery), writer.write)
            bound = await stack.enter_async_context(listening(listener, host, smtp_port))
            console.print(f"listening on smtp://{host}:{bound}", highlight=False)
        server = StoppableServer(
            server_config(
                create_app(Verification(signers), writer.write),
                limit_concurrency=2 * MAX_WAITING,
                timeout_graceful_shutdown=_STOP_S,
            )
        )
        with stopping_on_signals(server.stop):
            await server.serve([opened])


def _check(settings: Settings, signers: Mapping[str, Webhook], host: str, smtp_port: int | None) -> None:
    if not signers and smtp_port is None:
        raise UsageError(
            "no platform has a webhook or an answers_secret, and there is no --smtp-port: nobody can answer"
        )
    if smtp_port is not None and not settings.delivery.bounce_key.get_secret_value() and not is_loopback(host):
        raise UsageError(
            f"other machines can connect to {host} and make up bounces: set JIKIMI_DELIVERY_BOUNCE_KEY, or listen on"
            " 127.0.0.1"
        )


def platform_signers(settings: Settings) -> Mapping[str, Webhook]:
    """Return the signers of the platforms that may answer, by name; raises UsageError for a secret that is missing."""
    platforms = load_registry(settings.delivery.platforms).platforms
    names = {platform: name for platform, entry in platforms.items() if (name := _secret_name(entry))}
    return {platform: webhook_signer(secret(settings, name), name) for platform, name in names.items()}


def _secret_name(platform: Platform) -> str:
    hooks = (channel.secret for channel in platform.channels if isinstance(channel, WebhookChannel))
    return platform.answers_secret or next(hooks, "")
