"""All checks, in the order in which their findings are resolved. No check changes anything."""

from collections.abc import Collection, Iterator

from schemas.messages import Choice
from streams.doctor import broker, clock, decoder, machine, models
from streams.doctor.audit import audit_keys, newest_events
from streams.doctor.broker_probe import Probe
from streams.doctor.consumers import consumers
from streams.doctor.delivery import delivery
from streams.doctor.finding import Finding
from streams.doctor.others import exchange, reading, search
from streams.doctor.permissions import permissions
from streams.doctor.processor import processors
from streams.doctor.schemas import schemas
from streams.doctor.sealing import ROLES as SEALING_ROLES
from streams.doctor.sealing import sealing
from streams.settings import Settings


def examine(settings: Settings, roles: Collection[str]) -> Iterator[Finding]:
    """Yield the findings, each as soon as its check is done.

    Parameters
    ----------
    roles
        Stages, feeds, search, reading, exchange, desk: roles whose needs are checked.
    """
    yield (connection := broker.connection(settings))
    if connection.health == "ok":
        yield from _cluster(settings, roles)
    yield from schemas(settings)
    yield from _models(settings, roles, models.live_choice(settings) if connection.health == "ok" else None)
    if SEALING_ROLES & set(roles):
        yield sealing(settings, roles, connected=connection.health == "ok")
    yield from _machine(settings, roles)
    if "desk" in roles:
        yield machine.pages()


def _cluster(settings: Settings, roles: Collection[str]) -> Iterator[Finding]:
    probe = Probe(settings)
    yield broker.features(probe)
    yield from broker.topics(settings)
    yield from permissions(settings, roles, probe)
    yield from clock.records_clock(settings)
    yield from consumers(settings, roles)
    if {"takedown", "delivery", "desk"} & set(roles):
        yield newest_events(settings)


def _models(settings: Settings, roles: Collection[str], live: Choice | None) -> Iterator[Finding]:
    if kinds := [kind for kind in models.KINDS if kind in roles or ("desk" in roles and kind != "fusion")]:
        yield from models.models(settings, kinds, live)
        yield from processors(settings, kinds)


def _machine(settings: Settings, roles: Collection[str]) -> Iterator[Finding]:
    yield clock.kernel_clock()
    if {"text", "desk"} & set(roles):
        yield machine.term_key(settings)
    if settings.ocr and {"decode", "screen"} & set(roles):
        yield machine.ocr()
    if "match" in roles:
        yield machine.archive(settings)
        yield machine.room_for_archive(settings)
    if {"decode", "desk"} & set(roles):
        yield decoder.sandbox(settings)
    if "decode" in roles:
        yield machine.room_for_media(settings)
    if "delivery" in roles:
        yield delivery(settings)
    for role, check in (("search", search), ("reading", reading), ("exchange", exchange)):
        if role in roles:
            yield check(settings)
    if {"takedown", "delivery", "exchange", "desk"} & set(roles):
        yield audit_keys(settings)
    yield machine.metrics_port(settings)
    yield machine.open_files()
