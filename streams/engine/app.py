"""The Faust app of one process, which runs one stage or several."""

import asyncio
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import gettempdir

import faust
import structlog

from schemas.topics import TOPICS
from streams.engine.context import Context
from streams.engine.faust_driver import Transport
from streams.kafka.clients import worker_credentials
from streams.settings import Settings
from streams.topology import MODULES, group, in_flow_order, source

log = structlog.get_logger()

_LARGEST_BYTES = max(topic.max_bytes for topic in TOPICS.values())
_READY_POLL_S = 0.1


def create_app(stages: Sequence[str], settings: Settings) -> faust.App:
    """Return a Faust app that runs these stages, each in its own consumer group when it runs alone.

    Raises
    ------
    UsageError
        A stage is unknown.
    """
    stages = in_flow_order(stages)
    app = _faust_app(group(settings, stages), settings)
    context = Context(app, settings)
    context.background(partial(_signal_readiness, context, stages))
    for stage in stages:
        import_module(MODULES[stage]).create(context)
    return app


async def _signal_readiness(context: Context, stages: Sequence[str]) -> None:
    sources = {source(stage) for stage in stages}
    # Polled, because Faust has no event for the end of an assignment.
    while context.app.rebalancing or not any(context.owned(topic) for topic in sources):  # noqa: ASYNC110
        await asyncio.sleep(_READY_POLL_S)
    for ready in context.awaited:
        await ready()
    log.info("worker ready", stages=list(stages))
    if context.settings.ready_file is not None:
        context.settings.ready_file.touch()


def _faust_app(app_id: str, settings: Settings) -> faust.App:
    app = faust.App(
        app_id,
        broker=[f"kafka://{server}" for server in settings.bootstrap_servers.split(",")],
        broker_credentials=worker_credentials(settings),
        store="memory://",
        datadir=Path(gettempdir()) / app_id,  # Faust makes this folder; tables in memory leave it empty
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,  # `jikimi topics create` has made them as topics.yaml declares
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=_LARGEST_BYTES,
        producer_max_request_size=_LARGEST_BYTES,
        producer_request_timeout=settings.delivery_timeout_s,
        stream_buffer_maxsize=settings.window,
        broker_commit_interval=settings.commit_interval_s,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_request_timeout=max(40.0, settings.session_timeout_s + 10),
    )
    app.transport = Transport(app, settings.fetch_wait_ms, settings.drain_s)
    return app
