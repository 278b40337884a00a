"""Files that several threads and processes write at once."""

import os
from pathlib import Path

import pytest

from streams.secrets import whole_file


def test_two_threads_that_replace_one_file_leave_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "folder" / "file"

    def replace_meanwhile(_: int) -> None:
        monkeypatch.undo()
        whole_file.replace(file, b"second")

    monkeypatch.setattr(os, "fsync", replace_meanwhile)
    whole_file.replace(file, b"first")
    assert file.read_bytes() == b"first"
    assert list(file.parent.iterdir()) == [file]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
