"""How explicit a segment's pictures seem, where JIKIMI_EXPLICIT asks for it: context for review, no evidence."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from models.explicit.model import ExplicitModel
from models.registry import Registry
from schemas.messages import Frame, Frames
from streams.settings import Settings

type Rate = Callable[[Frames], Awaitable[float | None]]
"""Gives the highest rating among a segment's pictures, 0 to 1; None where nobody looked."""

_MOST_FRAMES = 4
"""Of one segment: each costs about as much as describing a picture and its crops."""


def rater(settings: Settings, models: Registry) -> Rate:
    """Return what rates segments, with its model loaded; where the setting is off, what rates none.

    Raises
    ------
    ModelError
        The model cannot be had.
    """
    model = models.explicit() if settings.explicit else None

    async def rate(message: Frames) -> float | None:
        return None if model is None else await asyncio.to_thread(highest, model, message.frames)

    return rate


def highest(model: ExplicitModel, frames: Sequence[Frame]) -> float | None:
    """Return the highest rating among a few of the frames, spread over all; None if there are none.

    The visual stage has read the same frames, so one that is no picture is its dead letter, before this.
    """
    n_frames = min(len(frames), _MOST_FRAMES)
    # The middle of each share: first and last frames are often titles.
    chosen = [frames[(2 * index + 1) * len(frames) // (2 * n_frames)] for index in range(n_frames)]
    return float(model.rate([frame.jpeg for frame in chosen]).max()) if chosen else None
