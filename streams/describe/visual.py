"""frames, reuse -> descriptors, reuse: describe each sampled frame, and crops of it, so that copies can be found."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt

from models.registry import Registry
from models.visual.model import VisualInput, VisualModel
from schemas.ids import full_name
from schemas.messages import Choice, FrameHash, Frames
from streams.describe.batcher import Batcher
from streams.describe.descriptors import descriptor_key, descriptors, observed
from streams.describe.exact import exact_digests, exact_key
from streams.describe.explicit import rater
from streams.describe.known_segments import copied, described_once, input_of
from streams.describe.picture_hashes import picture_hashes
from streams.engine.context import Context
from streams.engine.record import Output, Record
from streams.errors import UnprocessableError
from streams.reuse.reuse import inputs_of

_BATCHES = 2
"""Runs of the graph in one call, of pictures of several records."""


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    describer = context.live_models.use("visual", partial(_Describer.of, context.models))
    rate = rater(context.settings, context.models)
    rating, lists = context.settings.explicit, context.settings.lists
    seal = context.shared.media_seal
    key = exact_key(context.settings)
    inputs = inputs_of(context, "visual")

    @context.stage("visual", reads="frames")
    async def describe(sealed: Frames, record: Record) -> AsyncIterator[Output]:  # noqa: ARG001 - a handler's signature
        message = await asyncio.to_thread(seal.frames, sealed)
        model, batcher = await describer.current()

        async def fresh() -> Output:
            prepared = await asyncio.to_thread(prepare, model, message)
            vectors = await batcher.submit(prepared.pixels) if len(prepared.pixels) else model.embed(prepared.pixels)
            hashes = await asyncio.to_thread(picture_hashes, message.frames) if lists else []
            return described(model, message, prepared, vectors, await rate(message), key=key, hashes=hashes)

        parts = input_of(message, full_name(model.name, model.version), lists, rating)
        async with aclosing(described_once(inputs, parts, fresh, partial(copied, message, key))) as outputs:
            async for output in outputs:
                yield output


def describe_frames(model: VisualModel, message: Frames, key: bytes | None = None) -> Output:
    """Return the descriptors of one segment's frames, in the calling thread; raises as `prepare`."""
    prepared = prepare(model, message)
    return described(model, message, prepared, model.embed(prepared.pixels), key=key)


def prepare(model: VisualModel, message: Frames) -> VisualInput:
    """Return the frames and their crops as input of the model; of a second look more crops.

    Raises
    ------
    UnprocessableError
        A frame is no picture.
    """
    try:
        return model.prepare([frame.jpeg for frame in message.frames], views=True, sides=message.look > 0)
    except ValueError as error:
        raise UnprocessableError("frame_unreadable", str(error)) from error


def described(
    model: VisualModel,
    message: Frames,
    prepared: VisualInput,
    vectors: npt.NDArray[np.float32],
    explicit: float | None = None,
    *,
    key: bytes | None = None,
    hashes: Sequence[FrameHash] = (),
) -> Output:
    """Return the descriptors of a segment's frames.

    Parameters
    ----------
    vectors
        A row of length 1 for each prepared picture, shape (n, d).
    explicit
        Rating of the frames, 0 to 1; None without one.
    key
        Key of the medium's digests; None for no digests.
    hashes
        For the hash lists of others.
    """
    times_s = [message.frames[index].time_s for index in prepared.frame]
    views = prepared.view.tolist()
    found = descriptors(
        message.segment,
        "visual",
        model,
        vectors,
        times_s,
        views=views,
        thumbnails=message.thumbnails,
        look=message.look,
    )
    digests = exact_digests(message.digests, found.vectors, key)
    found = msgspec.structs.replace(
        found, explicit=explicit, motion=message.motion, gone=message.gone, digests=digests, pdq=list(hashes)
    )
    return Output("descriptors", descriptor_key(message.segment, "visual"), found)


class _Describer(NamedTuple):
    """A model and the batcher of its calls."""

    model: VisualModel
    batcher: Batcher

    @classmethod
    def of(cls, models: Registry, choice: Choice) -> Self:
        model = models.visual(choice.visual)
        return cls(model, Batcher(observed("visual", model.embed, len), _BATCHES * model.batch_rows))
