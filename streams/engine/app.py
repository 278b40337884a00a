"""The Faust apps of one process, one a stage."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module

import faust
import structlog

from schemas.topics import TOPICS
from streams.engine.context import Context
from streams.engine.faust_driver.transport import StageApp, Transport
from streams.engine.shared import Shared
from streams.kafka.clients import worker_credentials
from streams.settings import Settings
from streams.topology import CLIENT_ID, MODULES, group, in_flow_order, source

log = structlog.get_logger()

_LARGEST_BYTES = max(topic.max_bytes for topic in TOPICS.values())
_READY_POLL_S = 0.1
_METADATA_AGE_MS = 15_000
"""How soon new partitions and a recreated topic are found; the client's own five minutes are as long a silence."""


def create_apps(stages: Sequence[str], settings: Settings) -> list[faust.App]:
    """Return a Faust app for each of these stages: its consumer group is the same whatever else its process runs.

    Raises
    ------
    UsageError
        A stage is unknown.
    """
    contexts: dict[str, Context] = {}
    shared = Shared(settings, lambda error: next(iter(contexts.values())).crash(error))
    for stage in in_flow_order(stages):
        app = _faust_app(group(settings, stage), settings)
        contexts[stage] = Context(app, settings, shared)
        import_module(MODULES[stage]).create(contexts[stage])
    first = next(iter(contexts.values()))
    for work in shared.work:
        first.background(work)
    first.background(partial(_signal_readiness, contexts, shared, settings))
    return [context.app for context in contexts.values()]


async def _signal_readiness(contexts: Mapping[str, Context], shared: Shared, settings: Settings) -> None:
    for stage, context in contexts.items():
        # Polled, because Faust has no event for the end of an assignment.
        while context.app.rebalancing or not context.owned(source(stage)):  # noqa: ASYNC110
            await asyncio.sleep(_READY_POLL_S)
    for ready in shared.awaited:
        await ready()
    log.info("worker ready", stages=list(contexts))
    if settings.ready_file is not None:
        settings.ready_file.touch()


def _faust_app(app_id: str, settings: Settings) -> faust.App:
    app = StageApp(
        app_id,
        broker=[f"kafka://{server}" for server in settings.bootstrap_servers.split(",")],
        broker_credentials=worker_credentials(settings),
        broker_client_id=CLIENT_ID,
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,  # `jikimi topics create` has made them as topics.yaml declares
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=_LARGEST_BYTES,
        consumer_metadata_max_age_ms=_METADATA_AGE_MS,
        producer_metadata_max_age_ms=_METADATA_AGE_MS,
        producer_max_request_size=_LARGEST_BYTES,
        producer_request_timeout=settings.delivery_timeout_s,
        stream_buffer_maxsize=settings.window,
        broker_commit_interval=settings.commit_interval_s,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_request_timeout=max(40.0, settings.session_timeout_s + 10),
    )
    app.transport = Transport(
        app, fetch_wait_ms=settings.fetch_wait_ms, drain_s=settings.drain_s, window=settings.window
    )
    return app
