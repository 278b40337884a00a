"""What becomes of the archive's full slices: codes, and of several coded slices one; see merge_order.py."""

from collections.abc import Sequence
from typing import NamedTuple

from streams.match.archive_codes import ArchiveCodes
from streams.match.coded_slice import CodedSlice, kept_rows
from streams.match.packed_slices import PackedSlice
from streams.match.slice_files import SliceFiles
from streams.match.slices import Slice


class Compacted(NamedTuple):
    """Slices, and what takes their place under the name of the last."""

    group: list[Slice]
    content: CodedSlice


def compacted(files: SliceFiles) -> Compacted | None:
    """Return what is to be coded next, or else merged, None if nothing is; takes seconds.

    What codes are written for it is on the disk on return.
    """
    if group := files.to_code():
        return Compacted(group, _coded(files, group))
    if group := files.to_merge():
        return Compacted(group, _merged(files, group))
    return None


def _coded(files: SliceFiles, group: Sequence[Slice]) -> CodedSlice:
    """Return slices as codes: those of which rows of its space have codes that suit them, or new ones."""
    exact = PackedSlice.joined([part for one in group if isinstance(part := files.read(one), PackedSlice)])
    is_sound = group[0].space.startswith("audio")
    rows = exact.vectors(kept_rows(exact, thinned=is_sound))
    codes = files.codes(group[0].space)
    trained_on = next((key for key, one in codes.items() if one.suit(rows)), None)
    if trained_on is None:
        trained_on = group[-1].week, group[-1].number
        codes[trained_on] = ArchiveCodes.train(rows)
        files.write_codes(group[-1], codes[trained_on])
    return CodedSlice.of(exact, codes[trained_on], trained_on, group[0].number, thinned=is_sound)


def _merged(files: SliceFiles, group: Sequence[Slice]) -> CodedSlice:
    parts = [part for one in group if isinstance(part := files.read(one), CodedSlice)]
    return CodedSlice.merged(parts, files.codes(group[0].space)[parts[0].trained_on])
