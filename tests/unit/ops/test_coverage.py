"""The table of what is decoded, on a few of its rows."""

from ops.coverage.__main__ import DOCUMENT, table
from ops.coverage.cases import cases

_FEW = [("jpg", "still"), ("wav", "sound alone"), ("mkv", "an unassigned codec id")]


async def test_a_row_names_what_was_decoded_and_why_the_rest_was_not() -> None:
    few = [case for case in cases() if (case.container, case.oddity) in _FEW]
    rows = (await table(few)).splitlines()[2:]
    assert len(rows) == len(_FEW)
    text = "\n".join(rows)
    assert "| jpg | jpg | still | picture |  |  |" in text
    assert "| wav | pcm_s16le | sound alone |  | 4.0 of 4.0 s |  |" in text
    assert "| 4.0 of 4.0 s | media_codec_unknown: track 0 (video)" in text
    assert set(rows).issubset(DOCUMENT.read_text(encoding="utf-8").splitlines())


def test_the_page_has_a_row_for_each_case() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for case in cases():
        assert f"\n| {case.container} | {case.codec} | {case.oddity} | " in text
