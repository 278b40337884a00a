"""Decoder of media files in the sandbox, used by the decode stage and the desk."""

import math
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Self

import msgspec

from streams.decode.media.cutting import cut
from streams.decode.media.decoded import DecodedSegment, Job, MediaInfo, Sampling, Span, Stretch
from streams.decode.sandbox.memory import default_budget, most_children
from streams.decode.sandbox.sandbox import Sandbox
from streams.decode.settings import MediaSettings
from streams.errors import UnprocessableError

_MAX_LANES = 256
"""More than the sandbox's parts and tracks give."""
_ROUNDING_S = 1e-3
_STEPS_S = (0.25, 0.5, 1.0)
"""Times between the frames of a second look, the first one with which they are not too many."""
_MAX_FRAMES = 64
"""Frames of a second look."""


def post_sampling(settings: MediaSettings) -> Sampling:
    """Return the sampling of a post's media."""
    fields = Sampling.__struct_fields__
    return Sampling(**{name: getattr(settings, name) for name in fields if hasattr(settings, name)})


def reference_sampling(settings: MediaSettings) -> Sampling:
    """Return the sampling of a reference: it is described once, so every second of it is decoded and kept."""
    return msgspec.structs.replace(
        post_sampling(settings),
        frames_per_second=settings.reference_frames_per_second,
        longest_gap_s=0.0,
        motion=True,
    )


def look_sampling(settings: MediaSettings, duration_s: float) -> Sampling:
    """Return the sampling of a stretch for a second look: all frames decoded, four a second kept, 64 at most."""
    step_s = next(step for step in _STEPS_S if duration_s <= step * (_MAX_FRAMES - 1) or step == _STEPS_S[-1])
    return msgspec.structs.replace(
        post_sampling(settings),
        frames_per_second=1 / step_s,
        segment_s=max(duration_s, step_s),
        few_frames=0,
        max_frames=_MAX_FRAMES,
        longest_gap_s=0.0,
        dense=True,
        motion=True,
    )


class Decoder:
    """Scans and decodes local media files in child processes; one per worker.

    Parameters
    ----------
    settings
        Limits, sizes and rates.
    """

    def __init__(self, settings: MediaSettings) -> None:
        self._settings = settings
        self._sampling = post_sampling(settings)
        self._reference_sampling = reference_sampling(settings)
        budget_bytes = settings.decoders_memory_bytes or default_budget()
        self.n_children = most_children(budget_bytes, settings.decoder_memory_bytes, settings.max_open)
        """Media that can be open at once."""
        self._sandbox = Sandbox(
            "streams.decode.media.segments:work",
            n_children=self.n_children,
            n_working=settings.decoders,
            memory_bytes=settings.decoder_memory_bytes,
        )

    @property
    def sound_rate_hz(self) -> int:
        """Rate of the PCM that segments carry."""
        return self._settings.sound_rate_hz

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the child processes."""
        await self._sandbox.close()

    async def scan(self, path: Path) -> MediaInfo:
        """Return a file's streams, duration and subtitles, without decoding it.

        Raises
        ------
        UnprocessableError
            With a MediaReason.
        """
        timeout_s = self._settings.scan_timeout_s
        job = msgspec.msgpack.encode(Job(sampling=self._sampling))
        with _opened(path) as files:
            answers = self._sandbox.run(job, files, answer_timeout_s=timeout_s, job_timeout_s=timeout_s)
            async with aclosing(answers):
                (info,) = [_decoded(answer, MediaInfo) async for answer in answers]
        # A compromised child may send any number; the segments are counted from this one.
        if not _is_possible(info, self._settings.max_duration_s):
            raise UnprocessableError("media_decode_crash", "the decoder's answer has an impossible duration")
        return info

    def spans(self, info: MediaInfo) -> list[Span]:
        """Return the segments that `segments` will yield."""
        return cut(info, self._settings.segment_s)

    async def segments(
        self, path: Path, info: MediaInfo, *, reference: bool = False, sampling: Sampling | None = None
    ) -> AsyncGenerator[DecodedSegment]:
        """Yield a scanned file's segments in order; close the generator if you stop early.

        Parameters
        ----------
        reference
            True to sample it as a reference, which costs more and is done once.
        sampling
            Sampling in place of either.

        Raises
        ------
        UnprocessableError
            With a MediaReason, after the segments that could be decoded.
        """
        sampling = sampling or (self._reference_sampling if reference else self._sampling)
        with _opened(path) as files:
            answers = self._sandbox.run(
                msgspec.msgpack.encode(Job(sampling=sampling, info=info)),
                files,
                answer_timeout_s=self._settings.segment_timeout_s,
                job_timeout_s=self._settings.medium_timeout_s,
            )
            async with aclosing(answers):
                async for answer in answers:
                    yield _decoded(answer, DecodedSegment)

    async def stretch(self, path: Path, info: MediaInfo, wanted: Stretch) -> AsyncGenerator[DecodedSegment]:
        """Yield one segment, a stretch of a scanned file with every frame decoded; close the generator.

        Raises
        ------
        UnprocessableError
            With a MediaReason, after the segment if some of it could be decoded.
        """
        sampling = look_sampling(self._settings, wanted[1] - wanted[0])
        timeout_s = self._settings.segment_timeout_s
        job = msgspec.msgpack.encode(Job(sampling=sampling, info=info, stretch=wanted))
        with _opened(path) as files:
            answers = self._sandbox.run(job, files, answer_timeout_s=timeout_s, job_timeout_s=timeout_s)
            async with aclosing(answers):
                async for answer in answers:
                    yield _decoded(answer, DecodedSegment)


@contextmanager
def _opened(path: Path) -> Iterator[list[int]]:
    """Yield two descriptors of a file, each with a position of its own; the child can open no file itself."""
    with path.open("rb", buffering=0) as picture, path.open("rb", buffering=0) as sound:
        yield [picture.fileno(), sound.fileno()]


def _is_possible(info: MediaInfo, longest_s: float) -> bool:
    """Return whether all lanes together are no longer than allowed, and few."""
    durations_s = [lane.duration_s for lane in info.lanes]
    is_finite = all(math.isfinite(value) for lane in info.lanes for value in (lane.start_s, lane.duration_s))
    return (
        is_finite
        and len(durations_s) <= _MAX_LANES
        and min(durations_s, default=0.0) >= 0.0
        and sum(durations_s) <= longest_s + _ROUNDING_S
        and 0.0 <= info.duration_s <= longest_s + _ROUNDING_S
    )


def _decoded[M: MediaInfo | DecodedSegment](answer: bytes, kind: type[M]) -> M:
    try:
        return msgspec.msgpack.decode(answer, type=kind)
    except ValueError as error:  # of msgspec, and of UTF-8: a compromised child
        raise UnprocessableError("media_decode_crash", "the decoder's answer has the wrong type") from error
