"""TMK+PDQF of a file: copies of whole videos are near, other videos are not."""

from pathlib import Path

import pytest

from models.tmk.file import FILE_BYTES
from models.tmk.score import scores
from streams.decode.settings import MediaSettings
from streams.errors import UsageError
from streams.exchange.tmk_of_file import compare, read_tmk_file, tmk_files_of_case, tmk_of_file, tmk_paths
from tests.unit.decode.made import image, video
from tests.unit.exchange.test_export import detailed

SETTINGS = MediaSettings()


def test_a_copy_of_another_rate_and_size_is_near_and_another_video_is_not(tmp_path: Path) -> None:
    frames = [detailed(n // 10, n) for n in range(30)]
    original = tmk_of_file(SETTINGS, video(tmp_path / "a.mp4", frames, fps=10))
    smaller = [each[::2, ::2] for each in frames for _ in range(3)]
    copy = tmk_of_file(SETTINGS, video(tmp_path / "b.mp4", smaller, fps=30, options={"crf": "30"}))
    other = tmk_of_file(SETTINGS, video(tmp_path / "c.mp4", [detailed(50 + n // 10, n) for n in range(30)]))
    assert original is not None
    assert copy is not None
    assert other is not None
    assert original.n_frames in {43, 44, 45}  # three seconds at 15 a second, less how long the last one lasts
    assert abs(original.n_frames - copy.n_frames) <= 2
    assert min(scores(original, copy)) > 0.95
    assert not scores(original, other).near


def test_a_video_is_compared_with_files_of_others(tmp_path: Path) -> None:
    film = video(tmp_path / "a.mp4", [detailed(n // 8, n) for n in range(16)])
    ((name, content),) = tmk_files_of_case(SETTINGS, "case-a", [film, image(tmp_path / "a.png")]).items()
    assert len(content) == FILE_BYTES
    (tmp_path / name).write_bytes(content)
    given = [(path.name, read_tmk_file(path)) for path in tmk_paths([tmp_path])]
    ((near, found),) = compare(SETTINGS, str(film), given)
    assert near == name
    assert found == pytest.approx((1.0, 1.0), abs=1e-5)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    still = image(tmp_path / "a.png")
    assert tmk_of_file(SETTINGS, still) is None
    with pytest.raises(UsageError, match="not a file"):
        tmk_of_file(SETTINGS, tmp_path / "absent.mp4")
    with pytest.raises(UsageError, match="not a TMK"):
        read_tmk_file(still)
    with pytest.raises(UsageError, match="No such file"):
        read_tmk_file(tmp_path / "absent.tmk")


def test_too_many_descriptors_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.exchange.tmk_of_file.MOST_FILES", 1)
    for name in ("a.tmk", "b.tmk"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match="2 descriptors"):
        tmk_paths([tmp_path])
