from typing import Any

import msgspec
import pytest

from schemas.matrix import pack
from schemas.messages import Case, Choice, Modality, Reference
from streams.cases.coverage import coverage_gaps, refuse_uncovered
from streams.cases.entries import reference_key
from streams.errors import UsageError
from streams.replay.checks import check_described
from tests.integration.made import entry, footage

OLD = Choice(visual="v@1", audio="a@1", text="t@1", fusion="noisy-or@1")
NEW = msgspec.structs.replace(OLD, visual="v@2")


def piece(modality: Modality, model: str, segment: int = 0, reference_id: str = "r1") -> Reference:
    name, _, version = model.partition("@")
    found: Any = {"model": name, "version": version, "vectors": pack(footage(1)), "times_s": [0.0] * 8}
    place: Any = {"segment": segment, "start_s": 0.0, "duration_s": 8.0}
    return Reference(reference_id=reference_id, modality=modality, **found, **place)


def case(case_id: str, *pieces: Reference) -> list[Case]:
    return [entry(case_id), *(entry(case_id, one) for one in pieces)]


def test_a_reference_that_the_new_model_has_not_described_is_a_gap() -> None:
    entries = case("c", piece("visual", "v@1"), piece("audio", "a@1"))
    assert coverage_gaps(entries, OLD) == []
    assert coverage_gaps(entries, NEW) == [("visual", "r1")]
    assert coverage_gaps([*entries, entry("c", piece("visual", "v@2"))], NEW) == []


def test_a_description_without_its_first_piece_is_a_gap() -> None:
    entries = case("c", piece("visual", "v@1", 0), piece("visual", "v@1", 1), piece("visual", "v@2", 1))
    assert coverage_gaps(entries, NEW) == [("visual", "r1")]


def test_each_reference_counts_separately() -> None:
    entries = case("c", piece("visual", "v@2"), piece("visual", "v@1", reference_id="r2"))
    assert coverage_gaps(entries, NEW) == [("visual", "r2")]


def test_the_refusal_names_the_cases_and_the_remedy() -> None:
    cases = {"good": case("good", piece("visual", "v@2")), "bad": case("bad", piece("visual", "v@1"))}
    with pytest.raises(UsageError, match=r"1 of 2 open cases .*v@2: bad; .*case describe .* --with visual=v@2"):
        refuse_uncovered(cases, NEW)
    refuse_uncovered({"good": cases["good"]}, NEW)
    refuse_uncovered({}, NEW)


def test_only_some_of_many_cases_are_named() -> None:
    with pytest.raises(UsageError, match=r"30 of 30 .*: c00, .*c09 and 20 more;"):
        refuse_uncovered({f"c{n:02}": case(f"c{n:02}", piece("visual", "v@1")) for n in range(30)}, NEW)


def test_pieces_of_one_reference_by_two_models_have_different_keys() -> None:
    keys = {reference_key("c", piece("visual", model)) for model in ("v@1", "v@2")}
    assert len(keys) == 2
    assert {key.split("/")[0] for key in keys} == {"c"}


def test_an_allowed_file_must_be_described_too_but_is_no_case_for_a_replay() -> None:
    allowed = [msgspec.structs.replace(entry("a", piece("visual", model)), benign=True) for model in ("v@1", "v@2")]
    with pytest.raises(UsageError, match="v@2: a;"):
        refuse_uncovered({"a": allowed[:1]}, NEW)
    refuse_uncovered({"a": allowed}, NEW)
    with pytest.raises(UsageError, match="no open case is described by v@2"):
        check_described([*case("c", piece("visual", "v@1")), *allowed], NEW, {"visual"})
