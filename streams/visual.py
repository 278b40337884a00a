"""frames -> descriptors: describe each sampled frame, and crops of it, so that copies can be found."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from schemas.messages import Frames
from streams.app import Context
from streams.description import descriptor_key, descriptors
from streams.errors import UnprocessableError
from streams.stage.batcher import Batcher
from streams.stage.record import Output, Record

_BATCH_ROWS = 32


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    model = context.models.visual(context.settings.visual_model)
    batcher = Batcher(model.embed, _BATCH_ROWS)

    @context.stage("visual", reads="frames")
    async def describe_frames(message: Frames, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        jpegs = [frame.jpeg for frame in message.frames]
        try:
            seen = await asyncio.to_thread(model.prepare, jpegs, views=True)
        except ValueError as error:
            raise UnprocessableError("frame_unreadable", str(error)) from error
        vectors = await batcher.submit(seen.pixels) if len(seen.pixels) else np.zeros((0, 512), np.float32)
        described = descriptors(
            message.segment,
            "visual",
            model,
            vectors,
            [message.frames[index].time_s for index in seen.frame],
            views=seen.view.tolist(),
            thumbnails=message.thumbnails,
        )
        yield Output("descriptors", descriptor_key(message.segment, "visual"), described)
