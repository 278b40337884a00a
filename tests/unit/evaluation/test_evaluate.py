"""A small set of the demo's scenes, measured with the real models."""

import json
import sys
from pathlib import Path

import pytest
import structlog

from streams import cli
from streams.demo.scenario import MEDIA


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["jikimi", "evaluate", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    structlog.reset_defaults()  # otherwise later tests would log to the standard error of this one
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    with pytest.MonkeyPatch.context() as patch:
        options = "--references 2 --copies 1 --pairs 1 --unrelated 2 --background 1 --seconds 7 --processes 1"
        edits = ("--edit", "mirrored", "--edit", "sound_only", "--edit", "quiet", "--edit", "excerpt_inside_another")
        assert run(patch, "make-set", "--videos", str(MEDIA), "--out", str(folder), *options.split(), *edits) == 0
    return folder


def test_a_set_lists_its_references_and_uploads(made: Path) -> None:
    written = json.loads((made / "set.json").read_text())
    assert len(written["references"]) == 2
    assert len(written["background"]) == 1
    transforms = [query["transform"] for query in written["queries"] if query.get("path") and query.get("expect")]
    assert sorted(transforms) == ["excerpt_inside_another", "mirrored", "pair", "quiet", "sound_only"]
    assert sum(query.get("expect") is None and "path" in query for query in written["queries"]) == 2
    for query in written["queries"]:
        assert "path" not in query or (made / query["path"]).stat().st_size > 0


def test_copies_are_found_undecodable_media_are_misses_and_a_cache_gives_the_same_figures(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((made / "set.json").read_text())
    broken = {"id": "broken", "path": "set.json", "expect": "case-000", "transform": "broken"}
    (made / "more.json").write_text(json.dumps(manifest | {"queries": [*manifest["queries"], broken]}))
    out, cache = tmp_path / "out", tmp_path / "cache"
    measure = ("--manifest", str(made / "more.json"), "--cache", str(cache), "--out")
    assert run(monkeypatch, *measure, str(out), "--json", str(out / "f.json")) == 0
    result = json.loads((out / "f.json").read_text())
    assert {"micro_ap", "recall_at_p100", "recall_at_p99", "false_acts", "interval_iou"} <= result.keys()
    assert result["per_modality"].keys() == {"visual", "audio", "text", "fused"}
    assert result["per_transform"]["mirrored"] == 1.0
    assert result["per_transform"]["broken"] == 0.0
    assert result["false_acts"] == 0
    assert (result["undecodable"], result["queries"]) == (1, len(manifest["queries"]) + 1)
    assert result["media_seconds"] > 30
    top_cases = {each["id"]: each for each in result["per_query"]}
    assert top_cases["broken"]["case"] is None
    assert top_cases["broken"]["probability"] == 0.0
    assert "<svg" in (out / "report.html").read_text()
    assert "broken" in capfd.readouterr().err

    assert run(monkeypatch, *measure, str(tmp_path / "again")) == 0
    again = json.loads((tmp_path / "again" / "result.json").read_text())
    assert again.pop("cpu_seconds") is None
    assert result.pop("cpu_seconds") > 0
    look_s, look_s_again = result.pop("look_cpu_seconds"), again.pop("look_cpu_seconds")
    assert result["looks"]["per_upload"] == 0 or (look_s > 0 and look_s_again is None)
    assert again == result

    assert run(monkeypatch, *measure, str(tmp_path / "first"), "--no-looks") == 0
    first = json.loads((tmp_path / "first" / "result.json").read_text())
    assert (first["looks"], first["outcome"]) == (None, result["looks"]["without"])


def test_an_upload_that_is_found_perhaps_is_looked_at_again(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Under a policy that never acts, every copy is only perhaps one."""
    manifest = json.loads((made / "set.json").read_text())
    mirrored = [query for query in manifest["queries"] if query["transform"] == "mirrored"]
    (made / "one.json").write_text(json.dumps(manifest | {"queries": mirrored, "background": []}))
    monkeypatch.setenv("JIKIMI_ACT", "1")
    out = tmp_path / "out"
    assert run(monkeypatch, "--manifest", str(made / "one.json"), "--out", str(out)) == 0
    looks = json.loads((out / "result.json").read_text())["looks"]
    assert looks["share_of_uploads"] == 1.0
    assert looks["per_upload"] >= 1.0
    assert looks["seconds"] > 5
    assert "looks" in capfd.readouterr().out
