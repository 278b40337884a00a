"""Segments of a file that was decoded for an earlier post, copied from that post's frames and sounds.

The file is known by the digest of its bytes, which is computed here: a decoder's child that a medium has compromised
cannot name another one. Fetching and scanning are as for any file, and so are the spans, subtitles and digests.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from schemas.messages import Frames, Message, Sounds
from streams.decode.media.decoded import DecodedSegment, Sampling, Span
from streams.decode.media_access import Failure, MediaAccess, OpenMedium
from streams.engine.record import Output
from streams.errors import RecordError
from streams.reuse.inputs import Inputs
from streams.reuse.reuse import Work, work_on
from streams.sealing.media import MediaSeal

type Spanned = tuple[Span, DecodedSegment]


@dataclass(frozen=True, slots=True)
class KnownMedia:
    """Media of earlier posts, whose decoded segments can be reused.

    Parameters
    ----------
    seal
        Seal of the records of earlier posts.
    sampling
        Sampling of posts.
    """

    inputs: Inputs
    seal: MediaSeal
    sampling: Sampling


@dataclass(slots=True)
class MediumWork:
    """Decoding of one medium, copied as far as its segments are known."""

    medium: OpenMedium
    media: MediaAccess
    failures: list[Failure]
    known: KnownMedia | None = None
    work: Work = field(default_factory=Work)
    stamp: tuple[int, int] = (0, 0)
    """Time and size of the file when its digest was computed."""
    _n_copied: int = 0

    async def segments(self) -> AsyncGenerator[Spanned]:
        """Yield every segment in the medium's spans, as `MediaAccess.segments`."""
        if self.known is not None:
            async with aclosing(self._copied(self.known.seal)) as copied:
                async for spanned in copied:
                    self._n_copied += 1
                    yield spanned
        if 0 < self._n_copied == len(self.medium.spans):
            return
        number = 0
        async with aclosing(self.media.segments(self.medium, self.failures)) as decoded:
            async for spanned in decoded:
                if number >= self._n_copied:
                    yield spanned
                number += 1

    def remembered(self) -> list[Output]:
        """Return where the noted records lie, as a record; none if all were copied, or the medium has failed."""
        has_failed = any(failure.medium == self.medium.index for failure in self.failures)
        if has_failed or self._n_copied == len(self.medium.spans):
            return []
        # A local file may have been written to after its digest was computed.
        return self.work.remembered() if _stamp(self.medium.path) == self.stamp else []

    async def _copied(self, seal: MediaSeal) -> AsyncGenerator[Spanned]:
        digests = self.medium.info.digests_of_post["visual"]
        async with aclosing(self.work.known()) as records:
            for span in self.medium.spans:
                found = [await anext(records, None) for _ in range(span.has_sound + span.has_picture)]
                try:
                    segment = await asyncio.to_thread(segment_of, span, found, seal, digests)
                except RecordError:  # the key that has sealed it is gone
                    return
                if segment is None:
                    return
                yield span, segment


@asynccontextmanager
async def medium_work(
    medium: OpenMedium, media: MediaAccess, failures: list[Failure], known: KnownMedia | None
) -> AsyncIterator[MediumWork]:
    """Yield the decoding of one medium, once this process has no other post's copy of it in work."""
    if known is None or not medium.spans:
        yield MediumWork(medium, media, failures)
        return
    stamp = _stamp(medium.path)
    parts = [msgspec.msgpack.encode(known.sampling), await asyncio.to_thread(_sha256, medium.path)]
    async with work_on(known.inputs, parts) as work:
        yield MediumWork(medium, media, failures, known, work, stamp)


def segment_of(
    span: Span, records: Sequence[Message | None], seal: MediaSeal, digests: Sequence[bytes]
) -> DecodedSegment | None:
    """Return a segment as it was decoded, from its records for an earlier post; None if these are not its records.

    Parameters
    ----------
    digests
        Digests of the whole medium; another one in the records is that of a still's pixels.

    Raises
    ------
    RecordError
        It cannot be unsealed.
    """
    segment = DecodedSegment(start_s=span.start_s, duration_s=span.duration_s)
    kinds = [*([Sounds] if span.has_sound else []), *([Frames] if span.has_picture else [])]
    if [type(record) for record in records] != kinds:
        return None
    for record in records:
        if isinstance(record, Sounds):
            sound = seal.sounds(record)
            segment = msgspec.structs.replace(segment, pcm=sound.pcm, lead_s=sound.lead_s, sound=sound.coverage)
        elif isinstance(record, Frames):
            frames = seal.frames(record)
            thumbnails = [msgspec.structs.replace(one, jpeg=seal.thumbnail(record, one)) for one in record.thumbnails]
            own = [digest for digest in record.digests if digest not in digests]
            segment = msgspec.structs.replace(
                segment,
                frames=frames.frames,
                thumbnails=thumbnails,
                picture=frames.coverage,
                digest=own[0] if own else b"",
            )
    return segment


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
