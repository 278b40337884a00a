"""`jikimi exchange export`: MD5 and PDQ of a case's files, for lists of others; the files stay on this machine."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from hashlib import file_digest
from pathlib import Path

import numpy as np

from models.pdq.hash import BYTES, NEAR_BITS, Bits, distances
from schemas.messages import Frame
from streams.cases.entries import read_case, references_of
from streams.decode.decoder import Decoder
from streams.decode.media.decoded import MediaInfo
from streams.describe.picture_hashes import picture_hashes
from streams.describe.reference_ids import reference_id
from streams.errors import RecordError, UsageError
from streams.exchange.formats.changes import Change, Signal
from streams.settings import Settings

MOST_FRAMES = 500
"""Pictures of one file in a list, each far from all others; those of two hours of film with a cut every 15 s."""


def signals_of_case(settings: Settings, case_id: str, files: Sequence[Path]) -> list[Change]:
    """Return the entries of a case's files, which the case has only descriptors of.

    The files keep their ids in every export, so that they can be withdrawn by them.

    Raises
    ------
    UsageError
        There is no such case, it is an allow-list or a list of others, or a file is not a reference of it.
    """
    entries = asyncio.run(read_case(settings, case_id))
    policy = next((entry.policy for entry in entries if entry.policy is not None), None)
    if policy is None or policy.review_only:
        raise UsageError(f"{case_id} is not a victim's case: only those are exported")
    own = {piece.reference_id for piece in references_of(entries)}
    for file in files:
        if not file.is_file() or reference_id(case_id, file) not in own:
            raise UsageError(f"{file} is not a reference of {case_id}: only the files it was opened with are")
    return asyncio.run(_of_files(settings, case_id, files))


async def _of_files(settings: Settings, case_id: str, files: Sequence[Path]) -> list[Change]:
    async with Decoder(settings.media) as decoder:
        return [each for file in files for each in await signals_of_file(decoder, reference_id(case_id, file), file)]


async def signals_of_file(decoder: Decoder, name: str, file: Path) -> list[Change]:
    """Return the entries of a file: its MD5, and PDQ of its pictures, each far from all others.

    Parameters
    ----------
    name
        Id of the file in the list; its pictures have it with a number.

    Raises
    ------
    UsageError
        The file cannot be decoded.
    """
    try:
        info = await decoder.scan(file)
        pictures = await _pictures(decoder, file, info) if info.has_picture else []
    except RecordError as error:
        raise UsageError(f"{file}: {error.detail}") from error
    with file.open("rb") as stream:
        md5 = Signal("md5", file_digest(stream, "md5").digest())
    if info.kind == "image":
        return [Change(name, (md5, *pictures[:1]), is_film=False)]
    own = (Change(f"{name}-{number}", (each,), is_film=False) for number, each in enumerate(pictures))
    return [Change(name, (md5,), is_film=True), *own]


def far_apart(frames: Sequence[Frame], kept: Bits) -> Bits:
    """Return hashes, uint8 (n, 32), and those of frames that are not too plain, each far from all before it."""
    for frame in picture_hashes(frames):
        mine = np.frombuffer(frame.hashes, np.uint8).reshape(-1, BYTES)[:1]
        if len(kept) < MOST_FRAMES and (distances(mine, kept) > NEAR_BITS).all():
            kept = np.concatenate([kept, mine])
    return kept


async def _pictures(decoder: Decoder, file: Path, info: MediaInfo) -> list[Signal]:
    """Return the pictures of a file that are far apart, one segment after the other."""
    kept = np.zeros((0, BYTES), np.uint8)
    async with aclosing(decoder.segments(file, info, reference=True)) as segments:
        async for segment in segments:
            kept = await asyncio.to_thread(far_apart, segment.frames, kept)
    return [Signal("pdq", bits.tobytes()) for bits in kept]
