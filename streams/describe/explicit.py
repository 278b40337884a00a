"""Explicitness rating of a segment's pictures, if JIKIMI_EXPLICIT is on: context for review, no evidence."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from models.explicit.model import ExplicitModel
from models.registry import Registry
from schemas.messages import Frame, Frames
from streams.settings import Settings

type Rate = Callable[[Frames], Awaitable[float | None]]
"""Function from frames to their highest rating, 0 to 1; None if they were not rated."""

_MAX_FRAMES = 4
"""Frames rated of one segment: each costs about as much as describing a picture and its crops."""


def rater(settings: Settings, models: Registry) -> Rate:
    """Return a rating function with its model loaded; if the setting is off, one that always returns None.

    Raises
    ------
    ModelError
        The model is not available.
    """
    model = models.explicit() if settings.explicit else None

    async def rate(message: Frames) -> float | None:
        return None if model is None else await asyncio.to_thread(highest, model, message.frames)

    return rate


def highest(model: ExplicitModel, frames: Sequence[Frame]) -> float | None:
    """Return the highest rating, 0 to 1, among a few of the frames, spread over all; None if there are none.

    An unreadable frame is a dead letter of the visual stage, which decodes the same frames before.
    """
    n_frames = min(len(frames), _MAX_FRAMES)
    # The middle of each share: first and last frames are often titles.
    chosen = [frames[(2 * index + 1) * len(frames) // (2 * n_frames)] for index in range(n_frames)]
    return float(model.rate([frame.jpeg for frame in chosen]).max()) if chosen else None
