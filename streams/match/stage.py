"""descriptors, cases, lists -> scores, searches: search of segments in all cases, of new cases in past segments."""

import asyncio
from collections.abc import AsyncIterator

from schemas.messages import Descriptors
from schemas.validation import defect
from streams.describe.exact import exact_key
from streams.engine.context import Context
from streams.engine.record import Output, Record
from streams.errors import UnprocessableError
from streams.exchange.live_lists import LiveLists
from streams.match.archive import Archive, Hit
from streams.match.archive_search import ArchiveSearch
from streams.match.both_archives import BothArchives
from streams.match.evidence_thumbnails import EvidenceThumbnails
from streams.match.list_marks import ListMarks
from streams.match.list_search import ListSearch
from streams.match.live_index import LiveIndex
from streams.match.milvus_archive import MilvusArchive
from streams.match.progress import Progress
from streams.match.scores import best_first, scores_record
from streams.match.seen_hashes import SeenHashes
from streams.telemetry import metrics


def create(context: Context) -> None:
    """Attach the stage to the context's app."""
    vectors = MilvusArchive(context.settings.archive_dir)
    archive: Archive = vectors
    live = LiveIndex(context.cases, context.settings.archive_dir)
    thumbnails = EvidenceThumbnails(context.shared.media_seal, context.cases)
    # In the archive's folder, so that they are lost together.
    progress = Progress(vectors.folder / "progress.sqlite")
    list_progress = None
    if (lists := _lists(context)) is not None:
        seen = SeenHashes(vectors.folder / "hashes", lambda: lists.complete)
        archive = BothArchives(vectors, seen)
        marks = ListMarks(vectors.folder / "lists.sqlite")
        list_search = ListSearch(context, lists, seen, marks, thumbnails.sealed)
        context.background(list_search.run)
        list_progress = list_search.progress
    late = ArchiveSearch(context, archive, progress, live, thumbnails.sealed, lists, list_progress)
    context.background(live.run)
    context.background(late.run)

    @context.stage("match", reads="descriptors")
    async def match_descriptors(message: Descriptors, record: Record) -> AsyncIterator[Output]:
        if (detail := defect(message)) is not None:
            raise UnprocessableError("descriptors_malformed", detail)
        if lists is not None:
            await lists.index()  # a file of hashes begun before the lists are read would be searched for all of them
        # First into the archive, then the search: a reference that is not in this search's index is searched in the
        # archive after it has entered the index, so one of the two searches always finds the pair.
        if not message.look:  # whose stretch the archive has from the first pass
            await asyncio.to_thread(archive.add, Hit(record.partition, record.offset), message)
        index = await live.current()
        matches = await asyncio.to_thread(index.search, message)
        if lists is not None:
            matches = best_first([*matches, *await asyncio.to_thread((await lists.index()).search, message)])
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
