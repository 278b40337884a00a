"""Descriptors of a whole set: its background, and its uploads one after another."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from schemas.messages import Look, Reference
from streams.errors import UsageError
from streams.evaluation.described import Cache, Described, Models, QueryDescriber, describe_references
from streams.evaluation.judged import Upload
from streams.evaluation.manifest import Query, SetReference
from streams.settings import Settings

log = structlog.get_logger()


async def describe_background(
    settings: Settings, models: Models, cache: Cache, files: Sequence[str]
) -> list[tuple[str, Reference]]:
    """Return case and piece of each background file; files that cannot be described are left out."""
    pieces = []
    for number, path in enumerate(files):
        reference = SetReference(id=f"background-{number}", case=f"background-{number}", path=path)
        try:
            pieces += await describe_references(settings, models, cache, [reference])
        except UsageError as error:
            log.warning("left out of the background", path=path, error=str(error))
    return pieces


async def describe_queries(
    settings: Settings, models: Models, cache: Cache, queries: Sequence[Query]
) -> AsyncIterator[tuple[Query, Described]]:
    """Yield each upload with its descriptors; afterwards the decoder's child processes have ended."""
    async with describer_of(settings, models, cache, queries) as describer:
        for query in queries:
            yield query, await describer.describe(query)


async def answer_looks(
    settings: Settings, models: Models, cache: Cache, uploads: Sequence[tuple[Query, Upload]]
) -> list[Look]:
    """Answer the looks that the uploads ask for, and return them; afterwards the child processes have ended."""
    answered: list[Look] = []
    async with describer_of(settings, models, cache, [query for query, _ in uploads]) as describer:
        for query, upload in uploads:
            n_answered = 0
            while n_answered < len(upload.looks):  # an answer may lead to further ones
                look = upload.looks[n_answered]
                upload.add(await describer.look(query, look))
                answered.append(look)
                n_answered += 1
    return answered


@asynccontextmanager
async def describer_of(
    settings: Settings, models: Models, cache: Cache, queries: Sequence[Query]
) -> AsyncIterator[QueryDescriber]:
    """Give a describer of these uploads; afterwards the decoder's child processes have ended."""
    roots = sorted({Path(path).parent for query in queries for path in query.paths})
    describer = QueryDescriber(settings, models, cache, roots)
    try:
        yield describer
    finally:
        await describer.close()
