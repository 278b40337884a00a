import asyncio
import errno
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from streams.decode.fetch.unnamed import path_of, sweep, unnamed_file, write_all
from streams.errors import WorkerError
from tests.unit.decode.served import Server, response

BODY = b"media" * 50_000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def media_of(pid: int, folder: Path) -> list[int]:
    """Return the sizes of the files in a folder that a process has open, with a name or without."""
    links = [link for link in Path(f"/proc/{pid}/fd").iterdir() if str(link.readlink()).startswith(str(folder))]
    return [link.stat().st_size for link in links]


@pytest.mark.parametrize("stage", ["before the headers", "after the headers", "within the body", "kept"])
async def test_a_killed_worker_leaves_no_medium(server: Server, tmp_path: Path, stage: str) -> None:
    head = response(Content_Length=len(BODY))
    half = head + BODY[: len(BODY) // 2]
    sent = {"before the headers": b"", "after the headers": head, "within the body": half, "kept": head + BODY}[stage]
    stopped = asyncio.Event()

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        stopped.set()
        await asyncio.Event().wait()

    server.answers["/clip"] = answer
    arguments = ("-m", "tests.unit.decode.fetching", str(tmp_path), server.url("/clip"))
    worker = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=subprocess.PIPE)
    try:
        await stopped.wait()
        n_bytes = max(0, len(sent) - len(head))
        while (sizes := media_of(worker.pid, tmp_path)) != [n_bytes] and stage != "before the headers":  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)
        assert len(sizes) == 1
        assert names(tmp_path) == []
    finally:
        worker.kill()
        await worker.wait()
    assert names(tmp_path) == []


async def test_without_o_tmpfile_the_name_is_gone_before_the_first_byte(tmp_path: Path) -> None:
    with mock.patch("tempfile._O_TMPFILE_WORKS", new=False), unnamed_file(tmp_path) as file:
        assert names(tmp_path) == []
        write_all(file, BODY)
        assert path_of(file).read_bytes() == BODY


def test_the_sweep_removes_what_older_versions_left_and_nothing_else(tmp_path: Path) -> None:
    left, used, other = tmp_path / "jikimi-abcd_123", tmp_path / "jikimi-12345678", tmp_path / "jikimi-notes.txt"
    for file in (left, used, other):
        file.write_bytes(b"media")
    (tmp_path / "jikimi-folder12").mkdir()
    (tmp_path / "jikimi-link1234").symlink_to(other)
    with used.open("rb"):
        assert sweep(tmp_path) == 1
    assert names(tmp_path) == ["jikimi-12345678", "jikimi-folder12", "jikimi-link1234", "jikimi-notes.txt"]
    assert sweep(tmp_path / "none") == 0


def test_the_files_of_another_user_stay(tmp_path: Path) -> None:
    (tmp_path / "jikimi-abcd1234").write_bytes(b"media")
    with mock.patch.object(os, "geteuid", return_value=os.geteuid() + 1):
        assert sweep(tmp_path) == 0


@pytest.mark.parametrize(("number", "reason"), [(errno.ENOSPC, "disk_full"), (errno.EIO, "disk_failed")])
def test_an_error_of_our_disk_is_no_fault_of_the_record(number: int, reason: str) -> None:
    file = mock.Mock()
    file.write.side_effect = [2, OSError(number, os.strerror(number))]
    with pytest.raises(WorkerError) as failed:
        write_all(file, b"media")
    assert failed.value.reason == reason


def test_a_disk_full_in_earnest_is_noticed() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(WorkerError) as failed:
        write_all(full, BODY)
    assert failed.value.reason == "disk_full"
