"""The archive on a disk that is full: the worker stops, no record is blamed, and nothing confirmed is lost."""

import asyncio
import errno
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

from schemas.messages import Verdict
from streams.engine.guard import DeliveryError
from streams.engine.record import Output, Record
from streams.errors import WorkerError
from streams.match.archive import Hit
from streams.match.late_candidates import AnyRow
from streams.match.milvus_archive import MilvusArchive
from tests.support.deadline import DEADLINE_S
from tests.unit.engine.test_guard import NO_PAUSES, Broker, guard, record
from tests.unit.match.test_milvus_archive import ALL, descriptors, digest, reference, vectors


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here: that needs root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(archive: MilvusArchive, offset: int) -> None:
    """Add about 120 kB."""
    archive.add(Hit(0, offset), descriptors(vectors(1, seed=offset), *map(digest, range(3_000)), modality="text"))


_FILL_TWICE = """
import os, signal, sys
from pathlib import Path
from tests.unit.match.test_full_disk import MilvusArchive, WorkerError, fill
folder = Path(sys.argv[1])
ballast = folder / "ballast"
ballast.write_bytes(bytes(1 << 20))
archive, failed = MilvusArchive(folder / "archive"), 0
for offset in range(100):
    try:
        fill(archive, offset)
        print(offset, flush=True)
    except WorkerError as error:
        print("errno", error.__cause__.errno, flush=True)
        ballast.unlink(missing_ok=True)
        failed += 1
    if failed == 4:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_confirmed_outlives_a_full_disk_that_has_room_again(small_disk: Path) -> None:
    command = [sys.executable, "-c", _FILL_TWICE, str(small_disk)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    errors = {line for line in done.stdout.splitlines() if line.startswith("errno")}
    assert errors == {f"errno {errno.ENOSPC}"}
    archive = MilvusArchive(small_disk / "archive")
    try:
        for offset in (int(line) for line in done.stdout.splitlines() if line not in errors):
            wanted = reference(vectors(1, seed=offset), modality="text")
            assert archive.search(wanted, ALL, AnyRow(0.9)) == {Hit(0, offset)}
    finally:
        archive.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_slice_whose_creation_failed_is_created_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, "the disk failed")

    archive = MilvusArchive(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("milvus_lite.db.save_schema", fail)
        for _ in range(2):  # also once the machine could: the worker must start again
            with pytest.raises(WorkerError, match="the disk failed"):
                fill(archive, 0)
    archive.close()
    again = MilvusArchive(tmp_path)
    try:
        fill(again, 0)
        assert again.search(reference(vectors(1, seed=0), modality="text"), ALL, AnyRow(0.9)) == {Hit(0, 0)}
    finally:
        again.close()


async def test_a_full_disk_stops_the_stage_and_causes_no_dead_letter(small_disk: Path) -> None:
    archive, broker = MilvusArchive(small_disk / "archive"), Broker()

    async def handler(_: Verdict, given: Record) -> AsyncIterator[Output]:
        await asyncio.to_thread(fill, archive, given.offset)
        yield Output("verdicts", "archived", None)

    guarded = guard(handler, broker, retry=NO_PAUSES)

    async def process_all() -> None:
        for offset in count():
            await guarded(record(offset=offset))

    with pytest.raises(DeliveryError, match="No space left"):
        await process_all()
    assert len(broker.keys) > 2
    assert broker.letters == []
