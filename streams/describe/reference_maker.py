"""Descriptors of the victim's own files, made on the officer's machine: no part of a file leaves it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import structlog

from models.audio.model import AudioModel
from models.motion.track import NAME as MOTION
from models.motion.track import VERSION as MOTION_VERSION
from models.text.terms import term_digests
from models.visual.model import VisualModel
from models.voice.model import VoiceModel
from schemas.matrix import pack
from schemas.messages import Matrix, Modality, Reference
from streams.cases.entries import TERMS
from streams.decode.decoder import Decoder
from streams.decode.media.decoded import DecodedSegment, MediaInfo
from streams.describe.describers import Describers
from streams.describe.descriptors import Model, sound_rows
from streams.describe.exact import exact_digests
from streams.describe.file_kinds import NoMediumError
from streams.describe.landmarks import landmarks_of
from streams.describe.reference_ids import reference_id
from streams.errors import RecordError, UsageError

log = structlog.get_logger()

_NO_MEDIUM = {"media_unreadable", "media_no_streams"}
_IN_PART = {"media_codec_unknown", "media_encrypted", "media_partial"}
"""Reasons of single tracks: the others were described."""

type OnSegment = Callable[[MediaInfo, DecodedSegment], None]


class ReferenceMaker:
    """Describes reference files with the same models as the stages.

    Parameters
    ----------
    key
        Key of the digests by which exact copies are found; None for references without them.
    """

    def __init__(self, describers: Describers, key: bytes | None = None) -> None:
        self._models = describers
        self._key = key

    async def describe(
        self, case_id: str, file: Path, decoder: Decoder, on_segment: OnSegment = lambda _, __: None
    ) -> list[Reference]:
        """Return the pieces of one reference file, picture and sound, by each model.

        Parameters
        ----------
        on_segment
            Called with each segment before it is described.

        Raises
        ------
        UsageError
            The file cannot be read, or has no descriptor that could match.
        """
        pieces: list[Reference] = []
        try:
            async for piece in self._pieces(reference_id(case_id, file), file, decoder, on_segment):
                pieces.append(piece)  # noqa: PERF401 - what was described before an error counts
        except RecordError as error:
            if error.reason not in _IN_PART or not pieces:
                if error.reason in _NO_MEDIUM:
                    raise NoMediumError(file, error.detail) from error
                raise UsageError(f"{file}: {error.detail}") from error
            log.warning("a reference was described in part", file=file.name, reason=error.reason, missing=error.detail)
        if not any(piece.vectors.rows for piece in pieces if piece.modality != "motion"):  # which is never searched
            raise UsageError(f"{file}: no descriptors: only blank pictures and silence, which match everything")
        return pieces

    def terms(self, digests: Sequence[bytes], phrases: Sequence[str]) -> list[Reference]:
        """Return the terms' digests, and the phrases as vectors of each model."""
        position, times_s = _Position(TERMS, 0, 0.0, 0.0), [0.0] * len(phrases)
        pieces = [_piece(position, "text", model, model.describe(phrases), times_s) for model in self._models.text]
        return [msgspec.structs.replace(piece, digests=list(digests)) for piece in pieces]

    async def _pieces(
        self, reference: str, file: Path, decoder: Decoder, on_segment: OnSegment
    ) -> AsyncIterator[Reference]:
        info = await decoder.scan(file)
        index = 0
        async with aclosing(decoder.segments(file, info, reference=True)) as segments:
            async for segment in segments:
                on_segment(info, segment)
                position = _Position(reference, index, segment.start_s, info.duration_s)
                first = index == 0
                of_picture = [*(info.picture_digests if first else ()), *filter(None, [segment.digest])]
                for visual in self._models.visual:
                    yield self._exact(_visual_piece(position, visual, segment), of_picture)
                for audio in self._models.audio:
                    of_sound = info.sound_digests if first else []
                    yield self._exact(_sound_piece(position, "audio", audio, segment), of_sound)
                for voice in self._models.voice:
                    yield _sound_piece(position, "voice", voice, segment)
                if segment.motion:
                    yield _motion_piece(position, segment.motion)
                index += 1

    def _exact(self, piece: Reference, digests: Sequence[bytes]) -> Reference:
        """Return a piece with the digests by which exact copies of its file are found."""
        return msgspec.structs.replace(piece, digests=exact_digests(digests, piece.vectors, self._key))


class _Position(NamedTuple):
    """Position of a piece in a reference."""

    reference_id: str
    segment: int
    start_s: float
    duration_s: float


def digest_terms(terms: Sequence[str], key: bytes) -> list[bytes]:
    """Return the terms as keyed digests, one of each form of a term.

    Raises
    ------
    UsageError
        A term is too short or too long to be searched.
    """
    digests: set[bytes] = set()
    for term in terms:
        try:
            digests |= term_digests(term, key)
        except ValueError as error:
            raise UsageError(f"term {term!r}: {error}") from error
    return sorted(digests)


def check_readable(file: Path) -> None:
    """Raise a UsageError if the file cannot be read."""
    try:
        file.open("rb").close()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error


def _visual_piece(position: _Position, model: VisualModel, segment: DecodedSegment) -> Reference:
    views = model.prepare([frame.jpeg for frame in segment.frames], views=False)
    times_s = [segment.frames[frame].time_s for frame in views.frame]
    return _piece(position, "visual", model, model.embed(views.pixels), times_s)


def _sound_piece(
    position: _Position, modality: Modality, model: AudioModel | VoiceModel, segment: DecodedSegment
) -> Reference:
    piece = _piece(position, modality, model, *sound_rows(modality, model, segment, segment.start_s))
    landmarks = landmarks_of(segment, model.rate_hz) if modality == "audio" else None
    return msgspec.structs.replace(piece, landmarks=landmarks)


def _motion_piece(position: _Position, motion: Matrix) -> Reference:
    """Return the motion of a segment, which shows of a fixed camera which recording it is; a row each second."""
    return Reference(
        **position._asdict(),
        modality="motion",
        model=MOTION,
        version=MOTION_VERSION,
        vectors=motion,
        times_s=[position.start_s + row for row in range(motion.rows)],
    )


def _piece(
    position: _Position,
    modality: Modality,
    model: Model,
    vectors: npt.NDArray[np.float32],
    times_s: list[float],
) -> Reference:
    return Reference(
        **position._asdict(),
        modality=modality,
        model=model.name,
        version=model.version,
        vectors=pack(vectors),
        times_s=times_s,
    )
