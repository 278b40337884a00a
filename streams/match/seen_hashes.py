"""Hashes of past posts in files of their own: PDQ of their frames, keyed digests of their media.

A file is only added to, and expires with the records that its rows (seen_rows.py) are of.
"""

import os
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import numpy as np

from schemas.messages import Descriptors
from streams.errors import WorkerError, disk_error
from streams.match.archive import Hit
from streams.match.seen_rows import ROW, Rows, rows_of

_ROWS = 65_536
"""Rows from which a file is full: a search of it is short, and what a crash repeats."""


class HashFile(NamedTuple):
    """One file."""

    partition: int
    number: int
    week: int
    """Week of the first post in it: a file takes those of one week, so that they expire within a week of each other."""
    born: int
    """Time in microseconds: entries of lists that are older were compared with all of it when it was live."""

    @property
    def name(self) -> str:
        """Its name in the folder."""
        return f"{self.partition}-{self.number:08}-{self.week}-{self.born}.hashes"

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the file of a path."""
        return cls(*map(int, path.stem.split("-")))


class SeenHashes:
    """The files in a folder, of all partitions; safe to call from any thread.

    Parameters
    ----------
    complete
        Returns the time up to which live posts are compared with all entries of lists, in microseconds.
    """

    def __init__(self, folder: Path, complete: Callable[[], int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._complete = folder, complete
        self._lock = threading.Lock()
        self._files: dict[int, list[HashFile]] = {}
        for one in sorted(HashFile.of(path) for path in folder.glob("*.hashes")):
            self._files.setdefault(one.partition, []).append(one)
        self._open: dict[int, BinaryIO] = {}
        self._failure: WorkerError | None = None

    def add(self, hit: Hit, descriptors: Descriptors) -> None:
        """Store the hashes of one segment; adding the same again finds the same."""
        if len(rows := rows_of(hit.offset, descriptors)):
            with self._lock, self._failing():
                file = self._opened(hit.partition, descriptors.segment.post.seen_at.toordinal() // 7)
                file.write(rows.tobytes())
                file.flush()

    def sync(self) -> None:
        """Return when everything added before is on the disk."""
        with self._lock:  # not while the disk works: live posts are added meanwhile
            descriptors = [os.dup(file.fileno()) for file in self._open.values()]
        with self._failing():
            _sync(descriptors)

    def files(self, partitions: Collection[int]) -> list[HashFile]:
        """Return the files of these partitions, the newest first."""
        with self._lock:
            found = [one for partition in partitions for one in self._files.get(partition, ())]
        return sorted(found, key=lambda one: -one.number)

    def all_files(self) -> list[HashFile]:
        """Return the files of all partitions."""
        return self.files(list(self._files))

    def read(self, one: HashFile) -> Rows:
        """Return the rows of a file, none if it has expired."""
        try:
            return np.fromfile(self._folder / one.name, ROW)
        except FileNotFoundError:
            return np.zeros(0, ROW)

    def expire(self, first: Callable[[int], int]) -> int:
        """Delete the oldest file of each partition if every record in it lies before the partition's first offset.

        Returns the number of files deleted: 0 means that nothing is left to delete.
        """
        with self._lock:
            partitions = list(self._files)
        return sum(self._drop_oldest(partition, first(partition)) for partition in partitions)

    def close(self) -> None:
        """Release the files."""
        with self._lock:
            for file in self._open.values():
                file.close()
            self._open.clear()

    def _drop_oldest(self, partition: int, first: int) -> bool:
        with self._lock:
            one = self._files[partition][0] if self._files[partition] else None
            if one is None or first <= int(self.read(one)["offset"].max(initial=-1)):
                return False
            if one == self._files[one.partition][-1] and (file := self._open.pop(one.partition, None)) is not None:
                file.close()
            self._files[one.partition].remove(one)
            (self._folder / one.name).unlink()
        return True

    def _opened(self, partition: int, week: int) -> BinaryIO:
        """Return the file of a partition that is not full; one that a kill has cut is cut to whole rows."""
        files = self._files.setdefault(partition, [])
        file = self._open.get(partition)
        if file is None and files:
            path = self._folder / files[-1].name
            os.truncate(path, path.stat().st_size // ROW.itemsize * ROW.itemsize)
            file = self._open[partition] = path.open("ab")
        if file is None or file.tell() >= _ROWS * ROW.itemsize or week > files[-1].week:
            if file is not None:
                os.fsync(file.fileno())
                file.close()
            files.append(HashFile(partition, files[-1].number + 1 if files else 0, week, self._complete()))
            file = self._open[partition] = (self._folder / files[-1].name).open("ab")
            _sync([os.open(self._folder, os.O_RDONLY)])
        return file

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Raise a `WorkerError` after a failure of the disk: nothing is added to a row that was cut by it."""
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except OSError as error:
            self._failure = disk_error("the archive of hashes failed", error)
            raise self._failure from error


def _sync(descriptors: list[int]) -> None:
    """Wait until files or folders are on the disk, and close them."""
    for descriptor in descriptors:
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
