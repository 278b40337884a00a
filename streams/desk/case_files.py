"""A case's files and terms: checked, and described on this machine."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from schemas.messages import Reference
from schemas.topics import TOPICS
from streams.cases.entries import read_keys
from streams.decode.decoder import Decoder
from streams.decode.media.decoded import DecodedSegment, MediaInfo
from streams.describe.describers import Describers
from streams.describe.exact import exact_key
from streams.describe.reference_maker import ReferenceMaker, check_readable
from streams.desk.concerns import Concern, FileMeasures, file_concerns
from streams.desk.new_case import DESCRIBING, LOADING, NewCase, Progress
from streams.errors import UsageError
from streams.live_models.deployments import read_history
from streams.live_models.selection import create_registry, default_choice
from streams.settings import Settings

_LINK = re.compile(r"(https?|ftp|s3|file):/+", re.IGNORECASE)


def check_files(files: Sequence[Path]) -> None:
    """Return if these are files that can be read.

    Raises
    ------
    UsageError
        One is a link or cannot be read.
    """
    for file in files:
        if _LINK.match(str(file)):
            raise UsageError(
                f"{file} is a link: save the video itself first, as with `curl -fLo copy.mp4 LINK`, and give the file"
            )
        check_readable(file)


def each_once(digests: Mapping[Path, str]) -> list[Path]:
    """Return the first file of each digest, in their order."""
    return list({digest: file for file, digest in reversed([*digests.items()])}.values())[::-1]


def concerns_of_files(settings: Settings, new: NewCase, digests: Mapping[Path, str]) -> list[Concern]:
    """Return which files are given twice or belong to other cases; a program's case id may be open already."""
    if not digests:
        return []
    others: dict[str, set[str]] = {}
    for key in asyncio.run(read_keys(settings)):
        case_id, _, piece = key.partition("/")
        if case_id != new.case_id and piece:
            others.setdefault(case_id, set()).add(piece.partition("/")[0])
    return file_concerns(new.references, digests, others)


async def describe_new(
    settings: Settings, case_id: str, new: NewCase, term_digests: Sequence[bytes], progress: Progress
) -> tuple[list[Reference], list[Concern]]:
    """Return the pieces of a case's files, terms and phrases by the models of the archive, and what is odd about them.

    Raises
    ------
    UsageError
        A file cannot be read, or the broker does not answer.
    ModelError
        A live model is not available.
    """
    registry = create_registry(settings)
    history = await read_history(settings, default_choice(registry, settings))
    # Described by the choices that described the posts in the archive, which a new case still finds.
    choices = history.live_since(datetime.now(UTC) - timedelta(hours=TOPICS["descriptors"].retention_hours))
    progress(LOADING, 0.0, 0.0)
    describers = await asyncio.to_thread(Describers.of, registry, choices, voice=settings.voice)
    maker = ReferenceMaker(describers, exact_key(settings))
    pieces, concerns = await describe_files(settings, maker, case_id, new.references, progress)
    if term_digests or new.phrases:
        pieces += maker.terms(term_digests, new.phrases)
    return pieces, concerns


async def describe_files(
    settings: Settings, maker: ReferenceMaker, case_id: str, files: Sequence[Path], progress: Progress = lambda *_: None
) -> tuple[list[Reference], list[Concern]]:
    """Return the pieces of all files in write order, and what is odd about the files.

    A file's first piece is last, as the mark that it is complete.
    """
    pieces: list[Reference] = []
    concerns: list[Concern] = []
    async with Decoder(settings.media) as decoder:
        for file in files:
            measures = FileMeasures(file)

            def on_segment(
                info: MediaInfo, segment: DecodedSegment, file: Path = file, measures: FileMeasures = measures
            ) -> None:
                measures.add(info, segment)
                progress(f"{DESCRIBING}{file.name}", segment.start_s, info.duration_s)

            pieces += reversed(await maker.describe(case_id, file, decoder, on_segment))
            concerns += measures.concerns()
    return pieces, concerns
