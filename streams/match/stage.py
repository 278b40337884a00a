"""descriptors, cases -> scores, searches: search of segments in all cases, and of each new case in past segments."""

import asyncio
from collections.abc import AsyncIterator

from schemas.messages import Descriptors
from schemas.validation import defect
from streams.engine.context import Context
from streams.engine.record import Output, Record
from streams.errors import UnprocessableError
from streams.match.archive import Hit
from streams.match.archive_search import ArchiveSearch
from streams.match.evidence_thumbnails import EvidenceThumbnails
from streams.match.live_index import LiveIndex
from streams.match.milvus_archive import MilvusArchive
from streams.match.progress import Progress
from streams.match.scores import scores_record
from streams.telemetry import metrics


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    archive = MilvusArchive(context.settings.archive_dir)
    live = LiveIndex(context.cases, context.settings.archive_dir)
    thumbnails = EvidenceThumbnails(context.shared.media_seal, context.cases)
    # In the archive's folder, so that the two are lost together.
    late = ArchiveSearch(context, archive, Progress(archive.folder / "progress.sqlite"), live, thumbnails.sealed)
    context.background(live.run)
    context.background(late.run)

    @context.stage("match", reads="descriptors")
    async def match_descriptors(message: Descriptors, record: Record) -> AsyncIterator[Output]:
        if (detail := defect(message)) is not None:
            raise UnprocessableError("descriptors_malformed", detail)
        # First into the archive, then the search: a reference that is not in this search's index is searched in the
        # archive after it has entered the index, so one of the two searches always finds the pair.
        if not message.look:  # whose stretch the archive has from the first pass
            await asyncio.to_thread(archive.add, Hit(record.partition, record.offset), message)
        index = await live.current()
        matches = await asyncio.to_thread(index.search, message)
        if matches:
            metrics.SCORE.labels(message.modality).observe(matches[0].score)  # best first
        yield Output(
            "scores", message.segment.post.post_id, scores_record(message, thumbnails.sealed(message, matches))
        )
