"""Stages before fusion as functions of one record, without Faust.

Records are not batched: a model's numbers for a record depend on the other rows of its batch.
"""

import asyncio
import resource
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, NamedTuple

import msgspec

from models.registry import Registry
from schemas.messages import Choice, Descriptors, Frames, Texts
from schemas.validation import defect
from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media_access import MediaAccess
from streams.decode.second_look import look_sealed
from streams.decode.stage import decode_sealed
from streams.describe.audio import describe_sounds
from streams.describe.exact import exact_key
from streams.describe.text import describe_texts
from streams.describe.visual import describe_frames
from streams.engine.record import Output, Record
from streams.errors import UnprocessableError
from streams.match.reference_index import ReferenceIndex
from streams.match.scores import scores_record
from streams.replay.naming import DESCRIBED
from streams.sealing.media import MediaSeal
from streams.settings import Settings

type Work = Callable[[Any, Record], AsyncIterator[Output]]
type Index = Callable[[], Awaitable[ReferenceIndex]]
"""Returns the references to search in."""


class Stage(NamedTuple):
    """Name of a stage, and its function of a record."""

    name: str
    work: Work


class Stages:
    """Stages that a source needs, by the topic they read; end with `close`.

    Parameters
    ----------
    n_threads
        Records processed at once.
    """

    def __init__(self, index: Index, *, n_threads: int = 1) -> None:
        self._pool = ThreadPoolExecutor(n_threads, thread_name_prefix="replay")
        self._resources = AsyncExitStack()
        self._index = index
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._by_topic = {"descriptors": Stage("match", self._match)}

    async def open(self, source: str, settings: Settings, models: Registry, choice: Choice) -> None:
        """Load the models that a source needs.

        Raises
        ------
        ModelError, UsageError
            A model cannot be loaded, or the term key is not set.
        """
        if source in {"posts", "texts"}:
            key = settings.required_term_key()
            text = await asyncio.to_thread(models.text, choice.text)
            self._add("texts", lambda message: describe_texts(text, message, key))
        if source in {"posts", "frames", "sounds"}:
            await self._open_media(source, settings, models, choice)

    async def _open_media(self, source: str, settings: Settings, models: Registry, choice: Choice) -> None:
        seal, key = MediaSeal(settings.sealing), exact_key(settings)
        if source != "sounds":
            visual = await asyncio.to_thread(models.visual, choice.visual)
            self._add("frames", lambda message: describe_frames(visual, _bare(seal.frames(message)), key))
        if source != "frames":
            audio = await asyncio.to_thread(models.audio, choice.audio)
            self._add("sounds", lambda message: describe_sounds(audio, seal.sounds(message), key))
        if source == "posts":
            fetcher = await self._resources.enter_async_context(Fetcher(settings.media))
            decoder = await self._resources.enter_async_context(Decoder(settings.media))
            media = MediaAccess(fetcher, decoder, settings.media.max_media)
            # Sealed also in memory: a dead letter of the next stage holds its input.
            self._by_topic["posts"] = Stage("decode", partial(decode_sealed, media=media, seal=seal))
            self._by_topic["looks"] = Stage("decode", partial(look_sealed, media=media, seal=seal))

    async def close(self) -> None:
        """Stop threads and child processes."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        await self._resources.aclose()

    def of(self, topic: str) -> Stage | None:
        """Return the stage that reads this topic, None if that is fusion."""
        return self._by_topic.get(topic)

    def seconds(self) -> dict[str, float]:
        """Return the CPU seconds of each stage so far; those of decode are of its child processes that have ended."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        decode = {"decode": children.ru_utime + children.ru_stime} if "posts" in self._by_topic else {}
        return self._seconds | decode

    def _add(self, topic: str, describe: Callable[[Any], Output]) -> None:
        name = DESCRIBED[topic]

        async def work(message: Texts, _: Record) -> AsyncIterator[Output]:
            yield await self._timed(name, describe, message)

        self._by_topic[topic] = Stage(name, work)

    async def _match(self, message: Descriptors, _: Record) -> AsyncIterator[Output]:
        if (detail := defect(message)) is not None:
            raise UnprocessableError("descriptors_malformed", detail)
        index = await self._index()
        matches = await self._timed("match", index.search, message)
        # A run's evidence is compared, never shown.
        bare = [msgspec.structs.replace(match, thumbnail=None) for match in matches]
        yield Output("scores", message.segment.post.post_id, scores_record(message, bare))

    async def _timed[T](self, name: str, work: Callable[[Any], T], message: object) -> T:
        seconds, result = await asyncio.get_running_loop().run_in_executor(self._pool, _measured, work, message)
        self._seconds[name] += seconds
        return result


def _bare(message: Frames) -> Frames:
    """Return frames without thumbnails: their seals differ each time, and a run's descriptors do not."""
    return msgspec.structs.replace(message, thumbnails=[])


def _measured[T](work: Callable[[Any], T], message: object) -> tuple[float, T]:
    started_s = time.thread_time()
    result = work(message)
    return time.thread_time() - started_s, result
