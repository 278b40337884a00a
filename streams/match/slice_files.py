"""Files of the archive's full slices: a byte a number at first, codes once there are several of a week."""

import os
from collections import defaultdict
from pathlib import Path

import numpy as np

from streams.match.coded_slice import CodedSlice
from streams.match.packed_slices import PackedSlice
from streams.match.slices import ROWS, Slice

_GROUP = 8
"""Slices of one week that become one coded slice."""
CODED_ROWS = _GROUP * ROWS
"""About the rows of a coded slice."""
_SETTLED = 2
"""Weeks after which nothing is added to a week: fewer slices of it are coded too."""
_UNFINISHED = ".part"
_SUFFIXES: dict[str, type[PackedSlice | CodedSlice]] = {".slice": PackedSlice, ".coded": CodedSlice}


class SliceFiles:
    """The files in a folder; safe to call from any thread, because a file never changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for unfinished in folder.glob(f"*{_UNFINISHED}"):
            unfinished.unlink()
        self._files: dict[Slice, Path] = {}
        for suffix in _SUFFIXES:  # the coded ones last: they replace the others
            for file in folder.glob(f"*{suffix}"):
                self._take(file)

    @property
    def existing(self) -> set[Slice]:
        """Slices that have a file."""
        return set(self._files)

    def is_coded(self, one: Slice) -> bool:
        """Return whether a slice is coded."""
        file = self._files.get(one)
        return file is not None and file.suffix == ".coded"

    def write(self, one: Slice, content: PackedSlice | CodedSlice) -> None:
        """Write a slice in place of the file that it has; it is on the disk on return."""
        (suffix,) = (suffix for suffix, kind in _SUFFIXES.items() if isinstance(content, kind))
        before, file = self._files.get(one), self.folder / f"{one.name}{suffix}"
        with file.with_suffix(_UNFINISHED).open("wb") as unfinished:
            for array in content:
                np.lib.format.write_array(unfinished, np.ascontiguousarray(array), allow_pickle=False)
            unfinished.flush()
            os.fsync(unfinished.fileno())
        file.with_suffix(_UNFINISHED).rename(file)
        self._sync_folder()
        self._files[one] = file
        if before is not None and before != file:
            before.unlink()

    def read(self, one: Slice) -> PackedSlice | CodedSlice | None:
        """Return a slice's content, None if there is no file of it."""
        if (path := self._files.get(one)) is None:
            return None
        try:
            with path.open("rb") as file:
                kind = _SUFFIXES[path.suffix]
                return kind(*(np.lib.format.read_array(file) for _ in kind._fields))
        except FileNotFoundError:  # it has expired meanwhile
            return None

    def ends(self, one: Slice) -> dict[int, int]:
        """Return the last offset of each partition in a slice."""
        content = self.read(one)
        return {} if content is None else {int(part): int(offset) for part, offset in sorted(content.hits.tolist())}

    def drop(self, one: Slice) -> None:
        """Delete a slice."""
        if (file := self._files.pop(one, None)) is not None:
            file.unlink(missing_ok=True)

    def to_code(self) -> list[Slice]:
        """Return slices of one week that are to become one coded slice, in their order; none if there are too few."""
        weeks: dict[tuple[str, int], list[Slice]] = defaultdict(list)
        newest: dict[str, int] = defaultdict(int)
        for one in sorted(self.existing):
            newest[one.space] = max(newest[one.space], one.week)
            if not self.is_coded(one):
                weeks[one.space, one.week].append(one)
        for (space, week), slices in weeks.items():
            if len(slices) >= _GROUP or week <= newest[space] - _SETTLED:
                return slices[:_GROUP]
        return []

    def _take(self, file: Path) -> None:
        """Add a file, or delete it: if it is of an earlier version, or has become part of a coded slice."""
        one = Slice.of(file.stem)
        if one is None:
            file.unlink()
            return
        if file.suffix == ".coded":
            with file.open("rb") as opened:
                first = int(np.lib.format.read_array(opened)[0])
            for number in range(first, one.number + 1):
                if not self.is_coded(part := one._replace(number=number)):
                    self.drop(part)
        self._files[one] = file

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
