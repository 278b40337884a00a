from pathlib import Path

import pytest

from streams.describe.file_kinds import no_medium


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"%PDF-1.7\n", "but a PDF document"),
        (b"PK\x03\x04\x14\x00", "but a ZIP archive"),
        (b"  <!DOCTYPE html><html>", "but a web page: save the video itself"),
        ("안녕하세요, a letter".encode() * 400, "but text"),
        (b"\x00\x01\x02random" * 9, "this is not a picture, video or sound that can be read: why"),
        (b"\xff\xfe\xfd" * 2000, "that can be read: why"),
    ],
)
def test_what_is_no_medium_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "file").write_bytes(content)
    assert words in no_medium(tmp_path / "file", "why")
