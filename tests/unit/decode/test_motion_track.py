from pathlib import Path

import numpy as np
import pytest

from models.motion.compare import compare
from models.motion.rows import joined, unpack_track
from models.motion.track import Track
from streams.decode.decoder import post_sampling, reference_sampling
from streams.decode.media.decoded import DecodedSegment
from streams.decode.settings import MediaSettings
from streams.evaluation.clips import Clip, Encoding, Picture, read_clip, write_clip
from streams.evaluation.edits import pictures, times
from tests.unit.decode.made import moving, segments_of, video

MEDIA = Path(__file__).parents[3] / "streams" / "demo" / "media"


def segments(path: Path, segment_s: float = 60.0) -> list[DecodedSegment]:
    return list(segments_of(path, reference_sampling(MediaSettings(segment_s=segment_s))))


def motion(found: list[DecodedSegment]) -> Track:
    return joined([(each.start_s, unpack_track(each.motion)) for each in found if each.motion])


def filtered(picture: Picture) -> Picture:
    return pictures.recoloured(pictures.halved(picture))


def test_a_post_is_decoded_without_its_motion(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(20))
    assert [each.motion for each in segments_of(path, post_sampling(MediaSettings()))] == [None]


def test_segments_join_to_the_motion_of_the_whole() -> None:
    path = MEDIA / "flight.mp4"
    whole, parts = segments(path), segments(path, segment_s=5)
    assert [each.motion and each.motion.rows for each in parts] == [5, 5, 4]
    np.testing.assert_allclose(motion(parts), motion(whole), atol=0.03)


def test_a_turned_video_has_the_motion_of_the_upright_one(tmp_path: Path) -> None:
    frames = moving(40)
    upright = motion(segments(video(tmp_path / "upright.mp4", frames)))
    sideways = [np.ascontiguousarray(np.rot90(frame, -1)) for frame in frames]
    turned = motion(segments(video(tmp_path / "turned.mp4", sideways, rotation=90)))
    assert np.corrcoef(turned[:, :-1].ravel(), upright[:, :-1].ravel())[0, 1] > 0.95


def test_a_copy_runs_along_its_reference(tmp_path: Path) -> None:
    source = read_clip(MEDIA / "trap.mp4", 4.0, 12.0)
    write_clip(Clip(map(filtered, source.pictures), times.NO_SOUND), tmp_path / "a.mp4", Encoding(crf=34))
    query = motion(segments(tmp_path / "a.mp4"))
    match = compare(query, motion(segments(MEDIA / "trap.mp4")))
    assert match.nats > 0
    # in the middle: readings at 24 and 25 frames a second differ little over 8 s
    assert match.offset_s + 4.0 * match.speed == pytest.approx(8.0, abs=0.1)
    assert compare(query, motion(segments(MEDIA / "dusk.mp4"))).nats < match.nats
