from pathlib import Path

import pytest

from models.motion.rows import unpack_track
from models.motion.track import NAME
from models.registry import Registry
from streams.decode.decoder import Decoder
from streams.decode.settings import MediaSettings
from streams.describe.describers import Describers
from streams.describe.reference_maker import ReferenceMaker
from streams.errors import UsageError
from tests.unit.decode.made import moving, video


async def test_each_segment_of_a_reference_has_its_motion(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(45))
    maker = ReferenceMaker(Describers([Registry().visual()], [], []))
    async with Decoder(MediaSettings(segment_s=3)) as decoder:
        pieces = await maker.describe("case", path, decoder)
    motion = [piece for piece in pieces if piece.modality == "motion"]
    assert [(piece.model, piece.segment, piece.start_s) for piece in motion] == [(NAME, 0, 0.0), (NAME, 1, 3.0)]
    assert [piece.times_s for piece in motion] == [[0.0, 1.0, 2.0], [3.0, 4.0]]
    assert [len(unpack_track(piece.vectors)) for piece in motion] == [30, 15]


async def test_motion_alone_makes_no_reference(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(20))
    async with Decoder(MediaSettings()) as decoder:
        with pytest.raises(UsageError, match="no descriptors"):
            await ReferenceMaker(Describers([], [], [])).describe("case", path, decoder)
