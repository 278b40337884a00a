from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streams.errors import UsageError
from streams.evaluation import material
from streams.evaluation.copies import planned_copies
from streams.evaluation.cuts import Stretch, plan_cuts
from streams.evaluation.edits import EDITS
from streams.evaluation.make_set import make_set
from streams.evaluation.manifest import read_manifest
from streams.evaluation.material import SPEECH_OVER_COPIES, Material
from streams.evaluation.rooms.recording import Recording
from streams.evaluation.set_plan import SetPlan, Sources

ROOMS = SetPlan(
    references=0,
    copies=1,
    pairs=0,
    unrelated=1,
    background=0,
    seconds=1.0,
    edits=("identical", "still_320"),
    rooms=1,
    recordings=2,
    look_alikes=1,
)


def test_a_set_needs_no_footage_and_leaves_recordings_of_its_rooms_out_of_the_references(tmp_path: Path) -> None:
    make_set(Sources(), tmp_path, ROOMS, processes=1)
    made = read_manifest(tmp_path / "set.json")
    assert [reference.id for reference in made.references] == ["reference-room-000-0"]
    look_alike = next(query for query in made.queries if query.look_alike)
    assert look_alike.id.startswith("look-alike-0")
    assert look_alike.expect is None
    identical = next(query for query in made.queries if query.transform == "identical")
    assert Path(identical.path or "").read_bytes() == Path(made.references[0].path or "").read_bytes()
    assert {query.shows for query in made.queries if query.path} == {"room"}


def test_no_two_recordings_share_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[Recording] = []

    class Pool:
        def map(self, _make: object, group: list[Recording]) -> list[Path]:
            rendered.extend(group)
            return [each.target for each in group]

    spoken = [Stretch(Path(f"{number}.wav"), 0.0, 2.0) for number in range(SPEECH_OVER_COPIES + 10)]
    monkeypatch.setattr(material, "sounds", lambda *_: spoken)
    plan = replace(ROOMS, recordings=4)
    material.make_material(Pool(), Sources(speech=tmp_path), tmp_path, plan, np.random.default_rng(1))  # type: ignore[arg-type]
    said = [path for each in rendered for path in each.speech]
    assert len(said) == len(set(said)) == 10
    assert not {each.path for each in spoken[:SPEECH_OVER_COPIES]} & set(said)
    assert said != sorted(said)  # neighbours in a folder share their words


def test_no_two_silent_videos_share_a_piece_of_music(tmp_path: Path) -> None:
    silent = [Stretch(tmp_path / f"{number}.mp4", 0.0, 6.0) for number in range(3)]  # no file: no sound
    music = iter([Stretch(Path(f"{number}.ogg"), 0.0, 12.0) for number in range(5)])
    references = plan_cuts(silent, tmp_path, "reference", music, 360)
    others = plan_cuts(silent, tmp_path, "other", music, 360)
    pieces = [cut.music and cut.music.path.stem for cut in references + others]
    assert pieces == ["0", "1", "2", "3", "4", None]


def test_a_set_without_footage_and_rooms_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--videos or --rooms"):
        make_set(Sources(), tmp_path, SetPlan())


def test_pairs_end_with_a_still_never_begin_with_one_and_never_take_it_from_two_videos(tmp_path: Path) -> None:
    references, others = [Path("reference-0.mp4")], [Path(f"other-{n}.mp4") for n in range(8)]
    plan = SetPlan(copies=0, pairs=400, unrelated=0)
    pairs = planned_copies(Material(references, [], others, {}), Sources(), tmp_path, plan, np.random.default_rng(1))
    names = [tuple(name for name, _ in pair.edits) for pair in pairs]
    stills = [(first, last) for first, last in names if EDITS[last].suffix == ".jpg"]
    assert stills
    assert all(EDITS[first].suffix == ".mp4" for first, _ in names)
    assert all(EDITS[first].other != "video" for first, _ in stills)
