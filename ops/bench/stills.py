"""Print how single stills of videos are decided: ``python -m ops.bench.stills VIDEO [VIDEO ...]``.

Every video is a reference, decoded and described as the desk does. Its stills are frames half-way between the
reference's samples, posted as JPEG after an edit. A still is searched in its own video, and in the others. Videos in
one folder named ``room-...`` are recordings of one room: what a still finds in the other recordings of its room is
printed apart from what it finds in unrelated videos.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from models.fusion.model import FusionModel
from models.registry import Registry
from schemas.messages import Case, Descriptors, Reference
from streams.decode.decoder import Decoder
from streams.describe.describers import Describers
from streams.describe.reference_maker import ReferenceMaker
from streams.evaluation.described import Cache, Models, QueryDescriber
from streams.evaluation.edits import pictures
from streams.evaluation.edits.edit import resized
from streams.evaluation.manifest import Query
from streams.live_models.selection import default_choice
from streams.match.reference_index import ReferenceIndex
from streams.settings import Settings, load_settings

type Picture = npt.NDArray[np.uint8]

_STEP_S, _MOST = 4.0, 6
"""Time between two stills of one video, and most stills of it."""
_ACT, _REVIEW = 0.95, 0.5
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _small(picture: Picture) -> Picture:
    return resized(picture, 320, 320 * picture.shape[0] // picture.shape[1])


EDITS: dict[str, tuple[Callable[[np.random.Generator], Callable[[Picture], Picture]], int]] = {
    "as it is": (lambda _: lambda picture: picture, 90),
    "JPEG quality 40": (lambda _: lambda picture: picture, 40),
    "320 pixels wide": (lambda _: _small, 80),
    "mirrored": (lambda _: pictures.mirrored, 85),
    "captioned": (lambda _: pictures.captioned, 85),
    "cropped to 70 %": (pictures.cropped(0.7), 85),
}
"""Edits, and the JPEG quality of what they make."""


class Found(NamedTuple):
    """Probabilities that one still copies its own video, another one of its room, an unrelated one; NaN without any."""

    edit: str
    own: float
    room: float
    unrelated: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    found = asyncio.run(measured(parser.parse_args().videos))
    sys.stdout.write(f"{'edit':18}{'stills':>8}{'act':>7}{'ask':>7}{'lost':>7}   highest in its room, elsewhere\n")
    for edit in EDITS:
        rows = np.array([one[1:] for one in found if one.edit == edit])
        own = rows[:, 0]
        act, ask = float((own >= _ACT).mean()), float(((own >= _REVIEW) & (own < _ACT)).mean())
        room, elsewhere = (max(column[~np.isnan(column)], default=0.0) for column in rows[:, 1:].T)
        sys.stdout.write(
            f"{edit:18}{len(own):8}{act:7.2f}{ask:7.2f}{1 - act - ask:7.2f}   {room:.3f}, {elsewhere:.3f}\n"
        )
    for name in ("room", "unrelated"):
        wrong = np.array([getattr(one, name) for one in found])
        wrong = wrong[~np.isnan(wrong)]
        acts, asks = int((wrong >= _ACT).sum()), int((wrong >= _REVIEW).sum())
        sys.stdout.write(f"{name}: {len(wrong)} stills, {acts} act, {asks - acts} ask\n")


async def measured(files: Sequence[Path]) -> list[Found]:
    """Describe the videos, and search every still of them."""
    settings, registry = load_settings(), Registry()
    choice = default_choice(registry, settings)
    models, judge = await asyncio.to_thread(Models.of, registry, choice), registry.fusion(choice.fusion)
    references = await described(settings, models, files)
    found: list[Found] = []
    with tempfile.TemporaryDirectory() as folder:
        describer = QueryDescriber(settings, models, Cache(None, models, settings.media), [Path(folder)])
        for file in files:
            indexes = [index_of(references, chosen) for chosen in _searched(file, files)]
            for edit, still in stills(file, Path(folder)):
                post = await describer.describe(Query(id=still.stem, path=str(still)))
                queries = [one for one in post.descriptors if one.modality == "visual"]
                found.append(Found(edit, *(probability(index, queries, judge) for index in indexes)))
            sys.stderr.write(f"{file.name}\n")
        await describer.close()
    return found


async def described(settings: Settings, models: Models, files: Sequence[Path]) -> dict[Path, list[Reference]]:
    """Return the visual pieces of each video."""
    maker = ReferenceMaker(Describers([models.visual], [], []))
    async with Decoder(settings.media) as decoder:
        return {file: await maker.describe(str(file), file, decoder) for file in files}


def _searched(file: Path, files: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield the references of each search of a video's stills: itself, its room, all others."""
    room = [one for one in files if one != file and _is_room(one) and one.parent == file.parent]
    yield [file]
    yield room
    yield [one for one in files if one != file and one not in room]


def _is_room(file: Path) -> bool:
    return file.parent.name.startswith("room-")


def index_of(references: dict[Path, list[Reference]], chosen: Sequence[Path]) -> ReferenceIndex | None:
    """Return an index of these videos, each a case; None of none."""
    entries = [
        (f"{file}/{number}", Case(case_id=str(file), name="", opened_at=_NOW, reference=piece), piece)
        for file in chosen
        for number, piece in enumerate(references[file])
    ]
    return ReferenceIndex(entries) if entries else None


def stills(file: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield edit and JPEG of the frames half-way between two seconds, some seconds apart."""
    random = np.random.default_rng(0)
    for number, picture in enumerate(_frames(file)):
        for edit, (change, quality) in EDITS.items():
            target = folder / f"{file.stem}-{number}-{edit.split()[0]}.jpg"
            content = BytesIO()
            changed = np.ascontiguousarray(change(random)(picture))
            Image.fromarray(changed).save(content, "JPEG", quality=quality)
            target.write_bytes(content.getvalue())
            yield edit, target


def _frames(file: Path) -> Iterator[Picture]:
    with av.open(str(file)) as container:
        container.streams.video[0].thread_count = 1
        next_s, n_found = 1.5, 0
        for frame in container.decode(video=0):
            if n_found == _MOST:
                return
            if (frame.time or 0.0) >= next_s:
                yield frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
                next_s, n_found = next_s + _STEP_S, n_found + 1


def probability(index: ReferenceIndex | None, queries: Sequence[Descriptors], judge: FusionModel) -> float:
    """Return the highest probability of a match of a still, NaN without references."""
    if index is None:
        return float("nan")
    scores = [match.score for query in queries for match in index.search(query)]
    return judge.probability("visual", max(scores)) if scores else 0.0


if __name__ == "__main__":
    main()
