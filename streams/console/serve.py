"""Service of `jikimi console`: pages for one person on this machine, or for a team, until it is stopped."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import httpx
import structlog
import uvicorn

from streams.console.actions import Actions, Turns
from streams.console.app import create_app
from streams.console.decisions import Decisions
from streams.console.erasures import Erasures
from streams.console.guard import Guard
from streams.console.link_checks import LinkChecks
from streams.console.live_figures import LiveFigures
from streams.console.login.login import Login, make_login
from streams.console.openings import Openings
from streams.console.render import Renderer
from streams.console.sessions import TEAM, Identity, Sessions
from streams.console.site import Site
from streams.console.store.store import FollowedStore
from streams.console.uploads import sweep
from streams.console.wellbeing import Wellbeing
from streams.engine.stop_signals import stopping_on_signals
from streams.errors import TransientError, UsageError
from streams.feeds.http.server import StoppableServer, listen, server_config
from streams.kafka.wait_for_broker import wait_for_broker
from streams.rights.person import current_person
from streams.settings import Settings

log = structlog.get_logger()

HOST = "127.0.0.1"
_STOP_S = 5
_MAX_REQUESTS, _MAX_REQUESTS_OF_TEAM = 64, 512
"""Requests at once, with streams of live figures; more are answered 503."""


async def serve_console(
    settings: Settings, port: int, signature: str, write: Callable[[str], object], *, team: bool = False
) -> None:
    """Serve the pages until the process is stopped.

    Parameters
    ----------
    signature
        Pseudonym that signs decisions; the system's user by default.
    write
        Writes a line for the person: the one-time link, and a new one when it was used.
    team
        Whether persons log in; else the link lets one person in.

    Raises
    ------
    UsageError
        A setting of the team's console is missing, the port is in use, or the broker does not answer or lacks a topic.
    """
    async with httpx.AsyncClient(follow_redirects=False) as client:
        await _serve(settings, port, write, signature, make_login(settings, client) if team else None)


async def _serve(
    settings: Settings, port: int, write: Callable[[str], object], signature: str, login: Login | None
) -> None:
    opened = listen(settings.console.host if login else HOST, port)
    await asyncio.to_thread(wait_for_broker, settings)
    bound, failed = opened.getsockname()[1], list[Exception]()
    async with AsyncExitStack() as stack:
        server = StoppableServer(_config(settings, login))

        def crash(error: Exception) -> None:
            failed.append(error)
            server.stop()

        store = FollowedStore(settings, crash)
        stack.push_async_callback(store.stop)
        site = make_site(settings, store, signature, login)
        stack.callback(site.figures.close)
        stack.push_async_callback(site.decisions.flush)
        stack.push_async_callback(site.openings.stop)
        stack.push_async_callback(site.erasures.stop)
        stack.push_async_callback(site.link_checks.stop)
        await asyncio.to_thread(sweep, settings)
        await _start(store, write)
        hosts = _announce(site, bound, write)
        server.config.app = Guard(create_app(site), site.sessions, hosts, site.limits)
        with stopping_on_signals(server.stop):
            await server.serve([opened])
    if failed:
        raise UsageError(f"a topic can no longer be read, start the console again: {failed[0]}")


def _announce(site: Site, port: int, write: Callable[[str], object]) -> set[str]:
    """Write where the console is, and return the values of the header Host that are its own."""
    if site.login is not None:
        write(f"open {site.login.origin}, which a proxy has to pass on to port {port} here")
        return {site.login.origin.partition("://")[2]}
    site.sessions.announce = lambda link: write(
        f"open http://{HOST}:{port}/enter/{link} (once; it ends with this program)"
    )
    site.sessions.announce(site.sessions.link)
    return {f"{HOST}:{port}", f"localhost:{port}"}


def make_site(settings: Settings, store: FollowedStore, signature: str, login: Login | None = None) -> Site:
    """Return the console's parts over a store; with a login for a team."""
    turns = Turns()

    def acts(by: Identity) -> Actions:
        return Actions(settings, store, by.person, by.signature, turns)

    return Site(
        settings=settings,
        store=store,
        sessions=Sessions(None, TEAM) if login else Sessions(_owner(settings, signature)),
        login=login,
        renderer=Renderer(settings),
        acts=acts,
        decisions=Decisions(lambda label, by: acts(by).label(label), lambda label, by: acts(by).allow(label)),
        figures=LiveFigures(settings),
        wellbeing=Wellbeing(settings.break_after_min * 60),
        openings=Openings(settings, lambda: store.current("cases")),
        erasures=Erasures(settings),
        link_checks=LinkChecks(settings, store.checks),
    )


def _owner(settings: Settings, signature: str) -> Identity:
    person = current_person(settings)
    return Identity(person, signature or person.name)


async def _start(store: FollowedStore, write: Callable[[str], object]) -> None:
    try:
        await store.start()
    except* TransientError as group:
        error = group.exceptions[0]
        raise UsageError(error.detail if isinstance(error, TransientError) else str(error)) from error
    write(f"{store.n_records} records read")


def _config(settings: Settings, login: Login | None) -> uvicorn.Config:
    return server_config(
        lambda *_: None,  # the application follows, once its store is read
        proxy_headers=login is not None,
        forwarded_allow_ips=settings.console.proxies,
        limit_concurrency=_MAX_REQUESTS_OF_TEAM if login else _MAX_REQUESTS,
        timeout_graceful_shutdown=_STOP_S,
    )
