"""Takedown stage: three agents that share one log; reconciler and checkpoints in the background."""

from functools import partial

from streams.cases.reference_reviews import ReferenceReviews
from streams.engine.context import Context
from streams.takedown import decided, issue, removals
from streams.takedown.checkpointing import write_checkpoints
from streams.takedown.four_eyes import FourEyes
from streams.takedown.log import TakedownLog
from streams.takedown.quarantine import Quarantine
from streams.takedown.reconciler import Reconciler


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    takedown_log = TakedownLog(context)
    reviews = ReferenceReviews(context.settings, context.codec, context.crash)
    four_eyes = FourEyes(context.cases, reviews, always=context.settings.four_eyes)
    quarantine = Quarantine(takedown_log, reviews, context.settings.quarantine_posts, four_eyes)
    context.background(Reconciler(context, takedown_log, quarantine).run)
    context.background(partial(write_checkpoints, context, takedown_log))
    issue.create(context, takedown_log, quarantine)
    removals.create(context, takedown_log)
    decided.create(context, takedown_log, quarantine)
