"""Desk and stages give one medium the same keyed digests, so that its exact copies are found."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from models.registry import Registry
from schemas.messages import Descriptors, Frames, Sounds
from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media_access import MediaAccess
from streams.decode.settings import MediaSettings
from streams.describe.audio import describe_sounds
from streams.describe.describers import Describers
from streams.describe.exact import keyed
from streams.describe.reference_maker import ReferenceMaker
from streams.describe.visual import describe_frames
from tests.unit.decode.made import image, moving, scene, tone, video
from tests.unit.decode.test_stage import post, run

KEY = b"0123456789abcdef"


@pytest.fixture
async def media(tmp_path: Path) -> AsyncIterator[MediaAccess]:
    settings = MediaSettings(file_roots=(tmp_path,))
    async with Fetcher(settings) as fetcher, Decoder(settings) as decoder:
        yield MediaAccess(fetcher, decoder, settings.max_media)


async def described(file: Path, media: MediaAccess, models: Registry) -> list[Descriptors]:
    """Return the descriptors of a file that is posted."""
    found = []
    for output in (await run(post(file), media))[0]:
        if isinstance(output.message, Frames):
            found.append(describe_frames(models.visual(), output.message, KEY).message)
        elif isinstance(output.message, Sounds):
            found.append(describe_sounds(models.audio(), output.message, KEY).message)
    return [message for message in found if isinstance(message, Descriptors)]


def still(folder: Path) -> Path:
    return image(folder / "a.png", scene(1, width=400, height=300))


def film(folder: Path) -> Path:
    noise = np.random.default_rng(0).normal(0, 4000, 64_000).astype(np.int16)
    return video(folder / "a.mp4", moving(40), sound=tone(4.0) // 2 + noise)


@pytest.mark.parametrize(("make", "n_digests"), [(still, {"visual": 2}), (film, {"visual": 2, "audio": 1})])
async def test_a_reference_has_the_digests_of_a_post_of_its_file(
    tmp_path: Path, media: MediaAccess, make: Callable[[Path], Path], n_digests: dict[str, int]
) -> None:
    models, file = Registry(), make(tmp_path)
    maker = ReferenceMaker(Describers([models.visual()], [models.audio()], []), KEY)
    pieces = await maker.describe("case-a", file, media.decoder)
    posted = {one.modality: one.digests for one in await described(file, media, models)}
    registered = {piece.modality: piece.digests for piece in pieces if piece.digests}
    assert {modality: len(digests) for modality, digests in registered.items()} == n_digests
    posted["visual"].remove(keyed(hashlib.md5(file.read_bytes()).digest(), KEY))  # for lists of others
    assert {modality: digests for modality, digests in posted.items() if digests} == registered


async def test_a_blank_picture_has_no_digests(tmp_path: Path, media: MediaAccess) -> None:
    noise = np.random.default_rng(0).integers(120, 124, (300, 400, 3), dtype=np.uint8)
    (found,) = await described(image(tmp_path / "a.png", noise), media, Registry())
    assert found.digests == []
