"""descriptors, cases, lists -> scores, searches: search of segments in all cases, of new cases in past segments."""

import asyncio
from collections.abc import AsyncIterator

from schemas.messages import Descriptors, Match
from schemas.validation import defect
from streams.describe.exact import exact_key
from streams.engine.context import Context
from streams.engine.record import Output, Record
from streams.errors import UnprocessableError
from streams.exchange.live_lists import LiveLists
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
    lists = _lists(context)
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
        if lists is not None:
            matches = _best_first([*matches, *await asyncio.to_thread((await lists.index()).search, message)])
        if matches:
            metrics.SCORE.labels(message.modality).observe(matches[0].score)  # best first
        yield Output(
            "scores", message.segment.post.post_id, scores_record(message, thumbnails.sealed(message, matches))
        )


def _lists(context: Context) -> LiveLists | None:
    """Return the index of the lists of others, None where the settings leave them out."""
    if not context.settings.lists:
        return None
    lists = LiveLists(context.settings, context.codec, context.crash, exact_key(context.settings))
    context.background(lists.run)
    return lists


def _best_first(matches: list[Match]) -> list[Match]:
    return sorted(matches, key=lambda match: match.score, reverse=True)
