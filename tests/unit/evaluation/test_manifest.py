import json
from pathlib import Path
from typing import Any

import pytest

from streams.errors import UsageError
from streams.evaluation.manifest import read_manifest

REFERENCE = {"id": "r", "case": "clover", "path": "r.mp4"}


def written(folder: Path, **changes: Any) -> Path:
    whole = {"references": [REFERENCE], "queries": [{"id": "q", "path": "copies/q.mp4", "expect": "clover"}]} | changes
    (folder / "set.json").write_text(json.dumps(whole))
    return folder / "set.json"


def test_paths_are_relative_to_the_file_and_absolute_ones_stay(tmp_path: Path) -> None:
    found = read_manifest(written(tmp_path, background=["b.mp4", "/elsewhere/b.mp4"]))
    assert found.references[0].path == str(tmp_path / "r.mp4")
    assert found.queries[0].path == str(tmp_path / "copies/q.mp4")
    assert found.background == [str(tmp_path / "b.mp4"), "/elsewhere/b.mp4"]


def test_the_further_media_of_an_upload_are_in_its_order(tmp_path: Path) -> None:
    queries = [{"id": "album", "path": "1.jpg", "further": ["2.jpg", "/elsewhere/3.jpg"]}, {"id": "t", "text": "hello"}]
    album, text = read_manifest(written(tmp_path, queries=queries)).queries
    assert album.paths == [str(tmp_path / "1.jpg"), str(tmp_path / "2.jpg"), "/elsewhere/3.jpg"]
    assert text.paths == []


def test_a_query_may_be_text_and_an_interval_is_two_numbers(tmp_path: Path) -> None:
    queries = [{"id": "t", "text": "hello", "expect": None}, {"id": "q", "path": "q.mp4", "interval": [1, 2.5]}]
    text, medium = read_manifest(written(tmp_path, queries=queries)).queries
    assert (text.text, text.path, medium.interval) == ("hello", None, (1.0, 2.5))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"queries": [{"id": "q", "path": "q.mp4", "expect": "willow"}]}, "willow"),
        ({"queries": [{"id": "q"}]}, "neither"),
        ({"queries": [{"id": "q", "further": ["b.jpg"]}]}, "further media only"),
        ({"queries": [{"id": "q", "text": "a"}, {"id": "q", "text": "b"}]}, "two queries"),
        ({"queries": []}, "needs"),
        ({"references": [{"id": "r", "case": "clover"}]}, "neither"),
        ({"references": "r.mp4"}, "array"),
        ({"queries": [{"id": "q", "path": "q.mp4", "interval": 3}]}, "interval"),
    ],
)
def test_an_inconsistent_set_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_manifest(written(tmp_path, **changes))


def test_a_missing_or_invalid_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_manifest(tmp_path / "gone.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(UsageError, match=r"bad\.json"):
        read_manifest(tmp_path / "bad.json")
