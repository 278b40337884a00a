"""From the victim's own files to descriptors, on the officer's machine: nothing of a file leaves it."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.registry import Registry
from models.text.terms import term_digests
from schemas.ids import record_id
from schemas.matrix import pack
from schemas.messages import Modality, Reference
from streams.description import Model
from streams.errors import RecordError, UsageError
from streams.media.decoder import Decoder
from streams.settings import Settings

TERMS = "terms"
"""Reference id of a case's terms and phrases."""


class ReferenceMaker:
    """Describes reference files with the very models the stages use."""

    def __init__(self, settings: Settings, models: Registry) -> None:
        self._visual = models.visual(settings.visual_model)
        self._audio = models.audio(settings.audio_model)
        self._text = models.text(settings.text_model)

    async def describe(self, case_id: str, file: Path, decoder: Decoder) -> list[Reference]:
        """Return the pieces of one reference file, picture and sound.

        Raises
        ------
        UsageError
            The file cannot be read, or holds neither picture nor sound that could be found again.
        """
        reference_id = record_id("reference", case_id, _sha256(file))
        try:
            pieces = [piece async for piece in self._pieces(reference_id, file, decoder)]
        except RecordError as error:
            raise UsageError(f"{file}: {error.detail}") from error
        if not any(piece.vectors.rows for piece in pieces):
            raise UsageError(f"{file}: nothing to find it by: blank pictures and silence match everything")
        return pieces

    def terms(self, terms: list[str], phrases: list[str], key: bytes) -> Reference:
        """Return the terms as keyed digests and the phrases as vectors.

        Raises
        ------
        UsageError
            A term is too short or too long to be looked for.
        """
        digests: set[bytes] = set()
        for term in terms:
            try:
                digests |= term_digests(term, key)
            except ValueError as error:
                raise UsageError(f"term {term!r}: {error}") from error
        return Reference(
            reference_id=TERMS,
            segment=0,
            modality="text",
            model=self._text.name,
            version=self._text.version,
            start_s=0.0,
            duration_s=0.0,
            vectors=pack(self._text.describe(phrases)),
            times_s=[0.0] * len(phrases),
            digests=sorted(digests),
        )

    async def _pieces(self, reference_id: str, file: Path, decoder: Decoder) -> AsyncIterator[Reference]:
        info = await decoder.scan(file)
        index = 0
        async with aclosing(decoder.segments(file, info)) as segments:
            async for segment in segments:
                seen = self._visual.prepare([frame.jpeg for frame in segment.frames], views=False)
                seen_s = [segment.frames[frame].time_s for frame in seen.frame]
                heard = self._audio.describe(np.frombuffer(segment.pcm, "<i2"))
                heard_s = (heard.times_s + segment.start_s).tolist()
                where = _Where(reference_id, index, segment.start_s, info.duration_s)
                yield _piece(where, "visual", self._visual, self._visual.embed(seen.pixels), seen_s)
                yield _piece(where, "audio", self._audio, heard.vectors, heard_s)
                index += 1


class _Where(NamedTuple):
    """Which piece of which reference."""

    reference_id: str
    segment: int
    start_s: float
    duration_s: float


def _piece(
    where: _Where, modality: Modality, model: Model, vectors: npt.NDArray[np.float32], times_s: list[float]
) -> Reference:
    return Reference(
        **where._asdict(),
        modality=modality,
        model=model.name,
        version=model.version,
        vectors=pack(vectors),
        times_s=times_s,
    )


def check_readable(file: Path) -> None:
    """Raise a UsageError if the file cannot be read."""
    try:
        file.open("rb").close()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
