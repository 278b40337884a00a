"""Concerns about a case before it opens, on real media."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from schemas.ids import record_id
from streams.decode.decoder import Decoder
from streams.desk.concerns import Concern, FileMeasures, file_concerns, name_concerns, term_concerns
from streams.errors import UnprocessableError
from streams.settings import load_settings
from tests.unit.decode.made import Pixels, moving, scene, tone, video


async def concerns(file: Path) -> list[tuple[str, bool]]:
    measures = FileMeasures(file)
    async with Decoder(load_settings().media) as decoder:
        info = await decoder.scan(file)
        async for segment in decoder.segments(file, info, reference=True):
            measures.add(info, segment)
    return [(one.text.removeprefix(f"{file}: ").partition(":")[0], one.is_severe) for one in measures.concerns()]


def dark(n_frames: int) -> list[Pixels]:
    return [frame // 32 for frame in moving(n_frames, shot_frames=10)]


@pytest.mark.parametrize(
    ("frames", "sound", "expected"),
    [
        (moving(50, shot_frames=10), tone(5.0), []),
        (moving(20, shot_frames=10), tone(2.0), ["only 2.0 s long"]),
        ([scene(1)] * 50, tone(5.0), ["the picture does not move"]),
        (dark(50), tone(5.0), ["the picture is dark throughout"]),
        (moving(50, shot_frames=10), tone(5.0) // 1000, ["the sound is silent throughout"]),
    ],
    ids=["usual", "short", "still", "dark", "silent"],
)
async def test_oddities_of_a_film_are_measured(
    tmp_path: Path, frames: list[Pixels], sound: "np.ndarray[tuple[int], np.dtype[np.int16]]", expected: list[str]
) -> None:
    file = video(tmp_path / "film.mp4", frames, sound=sound)
    assert await concerns(file) == [(text, False) for text in expected]


async def test_a_truncated_file_is_severe(tmp_path: Path) -> None:
    whole = video(
        tmp_path / "film.mp4", moving(140, shot_frames=10), sound=tone(14.0), format_options={"movflags": "faststart"}
    )
    content = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(content[: len(content) * 2 // 5])
    ((text, is_severe),) = await concerns(cut)
    assert is_severe
    assert text.startswith("only ")
    assert "of 14.0 s can be read" in text
    assert await concerns(whole) == []


async def test_a_picture_is_neither_short_nor_still(tmp_path: Path) -> None:
    Image.fromarray(scene(3)).save(tmp_path / "picture.jpg")
    assert await concerns(tmp_path / "picture.jpg") == []


@pytest.mark.parametrize(
    ("name", "terms", "is_wrong"),
    [
        ("river", ["Kim Minji"], False),
        ("Kim Minji", ["kim minji"], True),
        ("case of minji 2", ["Minji"], True),
        ("Minji", ["Kim Minji"], True),
        ("river", [], False),
    ],
)
def test_a_pseudonym_like_a_term_is_severe(name: str, terms: list[str], *, is_wrong: bool) -> None:
    found = name_concerns(name, terms)
    assert [concern.is_severe for concern in found] == [True] * is_wrong


def test_a_common_word_as_a_term_is_a_concern_before_the_case_opens() -> None:
    (found,) = term_concerns(["Jane Roe", "Rose", "@minji_x97"])
    assert "'Rose' is a common word" in found.text
    assert not found.is_severe


def test_a_term_of_a_script_without_word_frequencies_is_a_concern() -> None:
    given = ["สมชาย", "ດາວ", "ផ្កា", "ပန်း", "김민지", "Нина", "@minji_x97", "20261127"]
    found = term_concerns(given)
    assert [concern.values["term"] for concern in found if concern.slug == "unknown_word"] == given[:4]
    assert not any(concern.is_severe for concern in found)


def test_a_file_given_twice_is_described_once_and_one_of_another_case_is_severe() -> None:
    one, same, other = Path("one.mp4"), Path("same.mp4"), Path("other.mp4")
    digests = {one: "a", same: "a", other: "b"}
    open_cases = {"case-x": {record_id("reference", "case-x", "b")}, "case-y": {"unrelated"}}
    assert file_concerns([one, same, other], digests, open_cases) == [
        Concern("same_bytes", {"file": "same.mp4", "other": "one.mp4"}, is_severe=False),
        Concern("of_other_case", {"file": "other.mp4", "case": "case-x"}, is_severe=True),
    ]


async def test_a_track_that_cannot_be_decoded_is_severe(tmp_path: Path) -> None:
    file = video(tmp_path / "film.mkv", moving(50, shot_frames=10), sound=tone(5.0))
    file.write_bytes(file.read_bytes().replace(b"A_AAC", b"A_XXX"))
    measures = FileMeasures(file)
    async with Decoder(load_settings().media) as decoder:
        info = await decoder.scan(file)
        with suppress(UnprocessableError):
            async for segment in decoder.segments(file, info, reference=True):
                measures.add(info, segment)
    (concern,) = measures.concerns()
    assert concern.is_severe
    assert "track 1 (audio) has a codec without a decoder" in concern.text
