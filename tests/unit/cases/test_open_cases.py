"""Open cases: what a worker keeps of them."""

import tracemalloc
import uuid
from pathlib import Path

import numpy as np
import pytest

from schemas.codec import Codec
from schemas.matrix import pack
from schemas.messages import Case, Reference
from streams.cases.entries import case_key, reference_key
from streams.cases.open_cases import OpenCases
from streams.kafka.topic_reader import Update
from streams.match.piece_table import PieceTable
from streams.settings import load_settings
from tests.unit.made_messages import NOW, POLICY

N_CASES = 300


@pytest.fixture
def cases() -> OpenCases:
    return OpenCases(load_settings(bootstrap_servers="127.0.0.1:9"), Codec(), lambda error: pytest.fail(repr(error)))


def updates_of(case_id: str) -> list[Update]:
    """Return the records of a case with one reference of ten minutes."""
    rows = 600
    reference = Reference(
        reference_id="r1",
        segment=0,
        modality="visual",
        model="m",
        version="1",
        start_s=0.0,
        duration_s=600.0,
        vectors=pack(np.zeros((rows, 64), np.float32)),
        times_s=[float(time_s) for time_s in range(rows)],
    )
    policy = Case(case_id=case_id, name="", opened_at=NOW, policy=POLICY)
    piece = Case(case_id=case_id, name="", opened_at=NOW, reference=reference)
    keyed = [(case_key(case_id), policy), (reference_key(case_id, reference), piece)]
    return [Update(key.encode(), Codec().encode("cases", entry), 0, at) for at, (key, entry) in enumerate(keyed)]


def bytes_a_case(cases: OpenCases) -> float:
    """Return the memory that Python's objects for a case take."""
    updates = [updates_of(str(uuid.UUID(int=number * 2**64))) for number in range(N_CASES)]
    cases.apply(updates[0])
    tracemalloc.start()
    try:
        for of_case in updates:
            cases.apply(of_case)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cases.count() == N_CASES
    return kept / N_CASES


def test_a_case_takes_less_than_200_bytes_whatever_its_references(cases: OpenCases) -> None:
    assert bytes_a_case(cases) < 200


def test_a_case_takes_less_than_900_bytes_in_a_matcher(cases: OpenCases, tmp_path: Path) -> None:
    cases.keep_references(PieceTable(tmp_path))
    assert bytes_a_case(cases) < 900


def test_references_are_kept_for_a_matcher_only(cases: OpenCases) -> None:
    table = PieceTable()
    cases.keep_references(table)
    cases.apply(updates_of("case-a"))
    (piece,) = table.change().added
    assert (piece.reference, table.reach) == (("case-a", "r1"), 1)
    cases.apply([Update(update.key, None, 0, 9) for update in updates_of("case-a")])
    assert (table.change(), cases.count()) == (([piece], []), 0)


def test_a_listener_gets_each_changed_key(cases: OpenCases) -> None:
    keys: list[str] = []
    cases.listen_keys(keys.append)
    cases.apply(updates_of("case-a"))
    cases.apply([Update(b"case-a", None, 0, 2)])
    assert keys == ["case-a", "case-a/r1/visual/0/m@1", "case-a"]
    assert cases.case_ids() == []
