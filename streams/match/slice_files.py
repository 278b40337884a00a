"""Files of the archive's full slices: a byte a number at first, then codes, which are merged as they become many."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from streams.match.archive_codes import ArchiveCodes, CodeArrays
from streams.match.coded_slice import CodedSlice
from streams.match.merge_order import Coded, to_code, to_merge
from streams.match.packed_slices import PackedSlice
from streams.match.slices import Slice

type Content = PackedSlice | CodedSlice | CodeArrays

_UNFINISHED = ".part"
_CODES, _CODED, _PACKED = ".codes", ".lists", ".slice"
_KINDS: dict[str, type[Content]] = {_CODES: CodeArrays, _CODED: CodedSlice, _PACKED: PackedSlice}


class SliceFiles:
    """The files in a folder; safe to call from any thread, because a file never changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for unfinished in folder.glob(f"*{_UNFINISHED}"):
            unfinished.unlink()
        self._packed = {one: file for file, one in self._named(_PACKED)}
        self._coded: dict[Slice, Coded] = {}
        for file, one in self._named(_CODED):
            self._coded[one] = _coded(one, _read(file, CodedSlice))
        self._codes: dict[Slice, ArchiveCodes] = {}
        self._delete_replaced()
        self._read_codes()

    @property
    def existing(self) -> set[Slice]:
        """Slices that have a file."""
        return {*self._packed, *self._coded}

    def is_coded(self, one: Slice) -> bool:
        """Return whether a slice is coded."""
        return one in self._coded

    def codes(self, space: str) -> dict[tuple[int, int], ArchiveCodes]:
        """Return one space's codes by the week and the number of the slice that they were trained on."""
        return {(one.week, one.number): codes for one, codes in self._codes.copy().items() if one.space == space}

    def write_codes(self, trained_on: Slice, codes: ArchiveCodes) -> None:
        """Write codes, before the first slice that has them; they are on the disk on return."""
        self._write(trained_on, _CODES, codes.arrays)
        self._codes[trained_on] = codes

    def write(self, one: Slice, content: PackedSlice | CodedSlice) -> None:
        """Write a slice in place of the file that it has; it is on the disk on return."""
        if isinstance(content, PackedSlice):
            self._packed[one] = self._write(one, _PACKED, content)
            return
        self._write(one, _CODED, content)
        self._coded[one] = _coded(one, content)
        self._drop_packed(one)

    def read(self, one: Slice) -> PackedSlice | CodedSlice | None:
        """Return a slice's content, of which only what is used is read; None if there is no file of it."""
        try:
            if one in self._coded:
                return _read(self._path(one, _CODED), CodedSlice)
            return _read(self._path(one, _PACKED), PackedSlice)
        except FileNotFoundError:  # it may have expired meanwhile
            return None

    def ends(self, one: Slice) -> dict[int, int]:
        """Return the last offset of each partition in a slice."""
        content = self.read(one)
        return {} if content is None else {int(part): int(offset) for part, offset in sorted(content.hits.tolist())}

    def drop(self, one: Slice) -> None:
        """Delete a slice."""
        self._drop_packed(one)
        if self._coded.pop(one, None) is not None:
            self._path(one, _CODED).unlink(missing_ok=True)

    def to_code(self) -> list[Slice]:
        """Return slices of one week that are to become one coded slice, in their order; none if there are too few."""
        return to_code(self._packed.copy(), {one.space for one in self._codes.copy()})

    def to_merge(self) -> list[Slice]:
        """Return coded slices that are to become one, in their order; none if they are few."""
        return to_merge(self._coded.copy())

    def _path(self, one: Slice, suffix: str) -> Path:
        return self.folder / f"{one.name}{suffix}"

    def _named(self, suffix: str) -> Iterable[tuple[Path, Slice]]:
        """Yield the files of a kind; one of an earlier version is deleted."""
        for file in self.folder.glob(f"*{suffix}"):
            if (one := Slice.of(file.stem)) is None:
                file.unlink()
            else:
                yield file, one

    def _write(self, one: Slice, suffix: str, content: Content) -> Path:
        file = self._path(one, suffix)
        with file.with_suffix(_UNFINISHED).open("wb") as unfinished:
            for array in content:
                np.lib.format.write_array(unfinished, np.ascontiguousarray(array), allow_pickle=False)
            unfinished.flush()
            os.fsync(unfinished.fileno())
        file.with_suffix(_UNFINISHED).rename(file)
        self._sync_folder()
        return file

    def _drop_packed(self, one: Slice) -> None:
        if (file := self._packed.pop(one, None)) is not None:
            file.unlink(missing_ok=True)

    def _delete_replaced(self) -> None:
        """Delete what has become part of a coded slice, which a kill left."""
        for one, coded in sorted(self._coded.items(), reverse=True):
            if one in self._coded:
                self._drop_packed(one)
                for number in range(coded.first, one.number):
                    self.drop(one._replace(number=number))

    def _read_codes(self) -> None:
        """Read the codes that slices have, and delete the others."""
        used = {one._replace(week=coded.codes[0], number=coded.codes[1]) for one, coded in self._coded.items()}
        for file, one in self._named(_CODES):
            if one in used:
                self._codes[one] = ArchiveCodes(_read(file, CodeArrays))
            else:
                file.unlink()

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _coded(one: Slice, content: CodedSlice) -> Coded:
    first = int(content.first[0])
    return Coded(first, one.number - first + 1, content.trained_on)


def _read[T: Content](path: Path, kind: type[T]) -> T:
    with path.open("rb") as file:
        return kind(*(_mapped(file) for _ in kind._fields))


def _mapped(file: BinaryIO) -> npt.NDArray[Any]:
    """Return the next array of a file, which is read as it is used: most lists of a slice are not."""
    np.lib.format.read_magic(file)
    shape, _, kind = np.lib.format.read_array_header_1_0(file)
    start, n_bytes = file.tell(), int(np.prod(shape)) * kind.itemsize
    found: npt.NDArray[Any] = np.empty(shape, kind)
    if n_bytes:  # nothing cannot be mapped
        found = np.memmap(file, kind, "r", start, shape).view(np.ndarray)
    file.seek(start + n_bytes)
    return found
