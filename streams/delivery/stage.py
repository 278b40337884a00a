"""Delivery stage: two agents that share one timetable, and the steps that are due in the background."""

from streams.delivery import approvals, handover
from streams.delivery.deliverer import Deliverer
from streams.delivery.platforms.registry import load_registry
from streams.delivery.posts_looked_at import PostLooks
from streams.delivery.sender import NoticeSender
from streams.engine.context import Context
from streams.engine.durable_table import DurableTable
from streams.takedown.log import TakedownLog


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    settings = context.settings
    registry = load_registry(settings.delivery.platforms)
    sender = NoticeSender(settings, context.cases, registry)
    table = DurableTable(context, "delivery-state")
    deliverer = Deliverer(context, TakedownLog(context), table, registry, sender, PostLooks(settings, registry))
    context.background(deliverer.run)
    handover.create(context, deliverer)
    approvals.create(context, deliverer)
