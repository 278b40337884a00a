"""Search of coded slices: how much of a piece is compared with many codes."""

from pathlib import Path

import numpy as np
import pytest

from models.alignment_parameters import VISUAL
from ops.bench.made_records import made_piece
from streams.match import file_search
from streams.match.archive import Hit
from streams.match.coded_slice import CodedSlice
from streams.match.file_search import in_files
from streams.match.late_candidates import Aligned
from streams.match.slice_files import SliceFiles
from streams.match.slices import Slice
from tests.unit.match.test_coded_slice import ROWS, coded, sliced
from tests.unit.match.test_reference_index import near, unit

ONE = Slice("visual_m_1_64", 1, 2)


def test_with_many_codes_fewer_rows_are_compared_before_less_than_all_codes_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = unit(96, 64, seed=1)
    segments = [near(film[:ROWS], 0.8, seed=2), *(unit(ROWS, 64, seed=10 + number) for number in range(99))]
    codes, content = coded(sliced(segments))
    files = SliceFiles(tmp_path)
    files.write_codes(ONE, codes)
    files.write(ONE, content)
    compared: list[tuple[int, float]] = []
    pairs = CodedSlice.pairs

    def noted(self: CodedSlice, *given: object) -> object:
        compared.append((len(given[1]), float(given[4])))  # type: ignore[arg-type]
        return pairs(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(CodedSlice, "pairs", noted)
    piece, rule = made_piece("visual", film, np.arange(96.0), 96), Aligned(VISUAL, penalty=3.7)
    for share in (2.0, 1.0, 0.5, 0.25):
        monkeypatch.setattr(file_search, "_COMPARED", round(share * 96 * content.n_rows))
        assert Hit(0, 0) in in_files(files, [ONE], piece, rule)
    assert compared == [(96, 1.0), (96, 1.0), (48, 1.0), (48, 0.5)]
