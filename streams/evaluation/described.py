"""Descriptors of a set's references and uploads, by the functions of desk and stages."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import structlog

from models.audio.model import AudioModel
from models.registry import Registry
from models.text.model import TextModel
from models.visual.model import VisualModel
from schemas.ids import full_name
from schemas.messages import Choice, Descriptors, Frames, Look, Medium, Post, Reference, Sounds, Texts
from streams.decode.decoder import Decoder, post_sampling
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media_access import MediaAccess
from streams.decode.second_look import answer_to
from streams.decode.settings import MediaSettings
from streams.decode.stage import decode_post
from streams.describe.audio import describe_sounds
from streams.describe.describers import Describers
from streams.describe.reference_maker import ReferenceMaker, digest_terms
from streams.describe.text import describe_texts
from streams.describe.visual import describe_frames
from streams.engine.record import Record
from streams.errors import RecordError
from streams.evaluation.cpu import cpu_s
from streams.evaluation.manifest import Query, SetReference
from streams.settings import Settings

log = structlog.get_logger()

NO_SECRET = b"a set to evaluate on keeps no secrets"
_RECORD = Record(topic="posts", partition=0, offset=0, key=None, value=None, last_attempt=True)
_WHEN = datetime(2026, 1, 1, tzinfo=UTC)


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """Descriptors of one upload."""

    descriptors: list[Descriptors]
    media_s: float = 0.0
    """Duration of its media, seconds."""
    failure: str | None = None
    """Reason why it could not be decoded in full."""
    cpu_s: float = 0.0
    """CPU time of decoding and describing, child processes included."""


@dataclass(frozen=True, slots=True)
class Models:
    """Models that describe pictures, sounds and text."""

    visual: VisualModel
    audio: AudioModel
    text: TextModel

    @classmethod
    def of(cls, models: Registry, choice: Choice) -> "Models":
        """Load the models of a choice; raises ModelError."""
        return cls(models.visual(choice.visual), models.audio(choice.audio), models.text(choice.text))

    def maker(self) -> ReferenceMaker:
        """Return a reference maker with the same models."""
        return ReferenceMaker(Describers([self.visual], [self.audio], [self.text]), NO_SECRET)

    def names(self) -> str:
        """Return name and version of each model."""
        return " ".join(full_name(model.name, model.version) for model in (self.visual, self.audio, self.text))


class Cache:
    """Cache of descriptors, keyed by the medium's bytes, the models and the sampling.

    Code is no part of the key: empty the cache after code changes.

    Parameters
    ----------
    folder
        Folder of the cache; None disables it.
    """

    def __init__(self, folder: Path | None, models: Models, media: MediaSettings) -> None:
        self._folder = folder
        self._space = f"{models.names()} {post_sampling(media)}"
        self.hits = 0

    async def get[T](self, kind: type[T], name: str, paths: Sequence[str], make: Callable[[], Awaitable[T]]) -> T:
        """Return the cached value of this name and these files, or make and cache it."""
        if self._folder is None:
            return await make()
        file = self._folder / f"{self._key(name, paths)}.msgpack"
        if file.is_file():
            self.hits += 1
            return msgspec.msgpack.decode(file.read_bytes(), type=kind)
        made = await make()
        self._folder.mkdir(parents=True, exist_ok=True)
        file.with_suffix(".part").write_bytes(msgspec.msgpack.encode(made))
        file.with_suffix(".part").rename(file)
        return made

    def _key(self, name: str, paths: Sequence[str]) -> str:
        digest = hashlib.sha256(f"{name} {self._space}".encode())
        for file in filter(Path.is_file, map(Path, paths)):
            digest.update(file.read_bytes())
        return digest.hexdigest()[:40]


class QueryDescriber:
    """Decodes and describes uploads as the stages do; ``close`` ends the decoder's child processes."""

    def __init__(self, settings: Settings, models: Models, cache: Cache, roots: Sequence[Path]) -> None:
        media = settings.media.model_copy(update={"file_roots": tuple(roots)})
        self._decoder = Decoder(media)
        self._access = MediaAccess(Fetcher(media), self._decoder, media.max_media)
        self._models = models
        self._cache = cache

    async def close(self) -> None:
        """End the child processes and the connections."""
        await self._decoder.close()
        await self._access.fetcher.close()

    async def describe(self, query: Query) -> Described:
        """Return the upload's descriptors; one that cannot be decoded has few or none, and the reason."""
        name = f"query {query.text}"
        return await self._cache.get(Described, name, query.paths, lambda: self._described(query))

    async def look(self, query: Query, look: Look) -> Descriptors:
        """Return the descriptors that answer a look at the upload."""
        segment = look.segment
        name = f"look {segment.medium} {segment.start_s} {segment.duration_s}"
        found = await self._cache.get(Descriptors, name, query.paths, lambda: self._looked(look))
        return msgspec.structs.replace(found, segment=segment, look=look.number)

    async def _looked(self, look: Look) -> Descriptors:
        return await asyncio.to_thread(self._one, await answer_to(look, self._access))

    async def _described(self, query: Query) -> Described:
        found: list[Descriptors] = []
        ends = [0.0]
        failure, began_s = None, cpu_s()
        try:
            async with aclosing(decode_post(_post(query), _RECORD, self._access)) as outputs:
                async for output in outputs:
                    message = output.message
                    assert isinstance(message, Frames | Sounds | Texts)
                    ends.append(message.segment.start_s + message.segment.duration_s)
                    found.append(await asyncio.to_thread(self._one, message))
        except RecordError as error:
            failure = f"{error.reason}: {error.detail}"
            log.warning("upload counts as missed", query=query.id, reason=error.reason, detail=error.detail)
        return Described(descriptors=found, media_s=max(ends), failure=failure, cpu_s=cpu_s() - began_s)

    def _one(self, message: Frames | Sounds | Texts) -> Descriptors:
        models = self._models
        if isinstance(message, Frames):
            made = describe_frames(models.visual, message, NO_SECRET)
        elif isinstance(message, Sounds):
            made = describe_sounds(models.audio, message, NO_SECRET)
        else:
            made = describe_texts(models.text, message, NO_SECRET)
        assert isinstance(made.message, Descriptors)
        return made.message


async def describe_references(
    settings: Settings, models: Models, cache: Cache, references: Sequence[SetReference]
) -> list[tuple[str, Reference]]:
    """Return case and piece of every reference.

    Raises
    ------
    UsageError
        A file cannot be read or has no descriptors; a term is too short.
    """
    maker = models.maker()
    pieces: list[tuple[str, Reference]] = []
    async with Decoder(settings.media) as decoder:
        for each in references:
            if each.path is not None:
                make = partial(maker.describe, each.case, Path(each.path), decoder)
                found = await cache.get(list[Reference], f"reference {each.case}", [each.path], make)
                pieces += [(each.case, piece) for piece in found]
    for case in dict.fromkeys(each.case for each in references):
        terms = [term for each in references if each.case == case for term in each.terms]
        if terms:
            pieces += [(case, piece) for piece in maker.terms(digest_terms(terms, NO_SECRET), [])]
    return pieces


def _post(query: Query) -> Post:
    media = [Medium(url=Path(path).absolute().as_uri()) for path in query.paths]
    caption = query.text or ""
    return Post(
        post_id=query.id, platform="set", url="", published_at=_WHEN, seen_at=_WHEN, caption=caption, media=media
    )
