"""Delivery stage: two agents that share one set of timers."""

from streams.delivery import handover, steps
from streams.engine.context import Context


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    handover.create(context)
    steps.create(context)
