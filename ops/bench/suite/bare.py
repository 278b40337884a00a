"""The stages' functions in one loop in this process: no broker, no records, no workers."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

from ops.bench.one_process import fail
from ops.bench.suite.models import load_models
from schemas.codec import Codec
from schemas.messages import Descriptors, Frames, Message, Post, Sounds, Texts
from streams.cases.open_cases import OpenCases
from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media_access import MediaAccess
from streams.decode.stage import decode_post
from streams.describe.audio import describe_sounds
from streams.describe.exact import exact_key
from streams.describe.text import describe_texts
from streams.describe.visual import describe_frames
from streams.engine.record import Output, Record
from streams.evaluation.cpu import children, cpu_s, cpu_s_of
from streams.match.archive import Hit
from streams.match.live_index import LiveIndex
from streams.match.milvus_archive import MilvusArchive
from streams.match.reference_index import ReferenceIndex
from streams.settings import Settings

_RECORD = Record("posts", 0, 0, b"", b"")


@asynccontextmanager
async def bare_loop(settings: Settings, folder: Path) -> AsyncIterator["BareLoop"]:
    """Yield the loop; the cases are read from the broker before, by the code of the stages."""
    cases = OpenCases(settings, Codec(), fail)
    live = LiveIndex(cases, folder)
    running = asyncio.create_task(live.run())
    archive = MilvusArchive(folder / "bare-archive")
    try:
        async with Fetcher(settings.media) as fetcher, Decoder(settings.media) as decoder:
            access = MediaAccess(fetcher, decoder, settings.media.max_media)
            yield BareLoop(settings, access, archive, await live.current())
    finally:
        running.cancel()
        await cases.stop()
        archive.close()


class BareLoop:
    """The stages after decode as functions; decode's seconds are what is left of the process and its children.

    Children that ran before, such as a broker and workers, are not counted: they must not end meanwhile.
    """

    def __init__(self, settings: Settings, access: MediaAccess, archive: MilvusArchive, index: ReferenceIndex) -> None:
        self._used: defaultdict[str, float] = defaultdict(float)
        self._settings, self._access, self._archive, self._index = settings, access, archive, index
        self._models, self._n_archived, self._others = load_models(), 0, children()

    async def run(self, posts: Sequence[Post]) -> dict[str, float]:
        """Return the CPU seconds of each stage for these posts."""
        self._used.clear()
        before_s = self._cpu_s()
        for post in posts:
            await self._process(post)
        self._used["decode"] = self._cpu_s() - before_s - sum(self._used.values())
        return dict(self._used)

    def _cpu_s(self) -> float:
        return cpu_s() - sum(map(cpu_s_of, self._others))

    async def _process(self, post: Post) -> None:
        async with aclosing(decode_post(post, _RECORD, self._access)) as outputs:
            async for output in outputs:
                described = self._describe(output.message).message
                assert isinstance(described, Descriptors)
                self._timed("match", partial(self._match, described))

    def _describe(self, message: Message | None) -> Output:
        key, models = exact_key(self._settings), self._models
        if isinstance(message, Frames):
            return self._timed("visual", partial(describe_frames, models.visual, message, key))
        if isinstance(message, Sounds):
            return self._timed("audio", partial(describe_sounds, models.audio, message, key))
        assert isinstance(message, Texts)
        return self._timed("text", partial(describe_texts, models.text, message, self._settings.required_term_key()))

    def _match(self, described: Descriptors) -> None:
        self._n_archived += 1
        self._archive.add(Hit(0, self._n_archived), described)
        self._index.search(described)

    def _timed[T](self, stage: str, work: Callable[[], T]) -> T:
        before_s = time.process_time()
        made = work()
        self._used[stage] += time.process_time() - before_s
        return made
