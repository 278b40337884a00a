import pytest

from streams.evaluation.described import Described
from streams.evaluation.figures import Searched
from streams.evaluation.judged import Finding
from streams.evaluation.manifest import LOOK_ALIKE, Query
from streams.evaluation.outcomes import by_edit, by_material, decision, outcomes, wrong
from streams.evaluation.result import cost_by_length


def finding(case: str, decided: str) -> Finding:
    return Finding(
        case=case,
        probability=0.5,
        acted=decided == "act",
        reviewed=decided in {"act", "review"},
        scores={},
        probabilities={},
        intervals={},
    )


def searched(
    name: str, expect: str | None, edit: str | None = None, shows: str | None = None, **found: str
) -> Searched:
    query = Query(id=name, path="x", expect=expect, transform=edit, shows=shows)
    return Searched(query=query, findings=[finding(case, decided) for case, decided in found.items()], modalities=[])


SET = [
    searched("1", "clover", "mirrored", "room", clover="act", willow="review"),
    searched("2", "clover", "mirrored", "film", clover="review"),
    searched("3", "willow", "cropped", "room", clover="act"),
    searched("4", "willow", "cropped", "room", willow="none"),
    searched("5", None, LOOK_ALIKE, "room", clover="review", willow="none"),
    searched("6", None, LOOK_ALIKE, "room"),
    searched("7", None, "unchanged", "film", clover="none"),
]


def test_a_copy_is_acted_on_reviewed_or_lost() -> None:
    assert [decision(each) for each in SET[:4]] == ["act", "review", "lost", "lost"]
    found = outcomes(SET, by_edit)
    assert {name: (each.copies, each.act, each.review, each.lost) for name, each in found.items()} == {
        "cropped": (2, 0, 0, 2),
        "mirrored": (2, 1, 1, 0),
    }
    assert outcomes(SET, by_material)["room"].act == 1
    assert outcomes([searched("8", "clover")], by_material) == {}


def test_wrong_uploads_are_counted_once_and_look_alikes_apart() -> None:
    found = wrong(SET)
    assert {name: (each.uploads, each.acts, each.reviews) for name, each in found.items()} == {
        "copies": (4, 1, 1),
        "look-alikes": (2, 0, 1),
        "others": (1, 0, 0),
    }


def test_cost_is_of_clips_that_have_a_length() -> None:
    lengths_and_costs = [(0.0, 5.0), (10.0, 0.2), (15.0, 0.3), (60.0, 0.6)]
    described = [Described(descriptors=[], media_s=media_s, cpu_s=used_s) for media_s, used_s in lengths_and_costs]
    assert cost_by_length(described) == pytest.approx({"2-20 s": 1.2, "45 s and more": 0.6})
    assert cost_by_length(described[:1]) == {}
