"""descriptors, cases -> scores: search each segment in all cases, and each new case in all segments."""

import asyncio
from collections.abc import AsyncIterator

from schemas.messages import Descriptors
from schemas.validation import defect
from streams.engine.app import Context
from streams.engine.record import Output, Record
from streams.errors import UnprocessableError
from streams.match.archive import Hit, MilvusArchive
from streams.match.archive_search import ArchiveSearch
from streams.match.live_index import LiveIndex
from streams.match.reference_index import scores
from streams.telemetry import metrics


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    archive = MilvusArchive(context.settings.archive_dir)
    live = LiveIndex(context.cases)
    late = ArchiveSearch(context, archive, live)
    context.background(live.run)
    context.background(late.run)

    @context.stage("match", reads="descriptors")
    async def match_descriptors(message: Descriptors, record: Record) -> AsyncIterator[Output]:
        if (detail := defect(message)) is not None:
            raise UnprocessableError("descriptors_malformed", detail)
        # First into the archive, then the search: a reference that this search does not know yet is searched in the
        # archive after it has gone live, so one of the two always finds the pair.
        await asyncio.to_thread(archive.add, Hit(record.partition, record.offset), message)
        index = await live.current()
        matches = await asyncio.to_thread(index.search, message)
        if matches:
            metrics.SCORE.labels(message.modality).observe(matches[0].score)  # the best is the first
        yield Output("scores", message.segment.post.post_id, scores(message, matches))
