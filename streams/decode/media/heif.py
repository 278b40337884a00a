"""Structure of a HEIC photo: which streams are the tiles of its picture, and how it is turned. Runs in the sandbox.

FFmpeg gives each tile as a stream of its own; libheif, which would join them, needs threads, which the sandbox forbids.
See ISO/IEC 23008-12 and, for the boxes, 14496-12.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from streams.decode.media.decoded import Part
from streams.errors import UnprocessableError

_PHOTOS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2"}
"""Main brands of a photo; of a film of pictures it is another one."""
_MAX_META_BYTES = 4 << 20
_MAX_TILES = 4096
_MAX_BOXES = 100_000
_WIDE = 1
"""Flag of a grid whose size takes four bytes a side."""


@dataclass(frozen=True, slots=True)
class Photo:
    """The picture of a HEIC file."""

    tiles: list[int]
    """Item ids of its tiles, which are the ids of FFmpeg's streams, row by row."""
    columns: int
    width: int
    """Before it is turned, in pixels; 0 for the size of its single tile."""
    height: int
    rotation: int = 0
    """Degrees counter-clockwise that turn it upright."""
    mirror: int | None = None
    """0 to flip it top to bottom, 1 left to right, before it is turned."""


@dataclass(slots=True)
class _Meta:
    """Contents of the meta box."""

    primary: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)
    inputs: dict[int, list[int]] = field(default_factory=dict)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    owned: dict[int, list[int]] = field(default_factory=dict)
    places: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    """Item to construction method, offset and length of its only extent."""
    data: bytes = b""


def photo(file: int, part: Part) -> Photo | None:
    """Return the picture of a HEIC photo, None for any other file.

    Raises
    ------
    UnprocessableError
        media_unreadable: the file is a broken photo.
    """
    head = os.pread(file, 16, part[0])
    if head[4:8] != b"ftyp" or head[8:12] not in _PHOTOS:
        return None
    try:
        meta = _meta(file, part)
        return None if meta is None else _photo(file, part, meta)
    except (IndexError, KeyError, ValueError) as error:
        raise UnprocessableError("media_unreadable", f"the photo is broken: {error!r}") from error


def _photo(file: int, part: Part, meta: _Meta) -> Photo:
    item, turned = meta.primary, _turns(meta, meta.primary)
    if meta.kinds.get(item) == b"iden":  # the same picture, turned
        (item,) = meta.inputs[item]
    if meta.kinds.get(item) != b"grid":
        return Photo([item], 1, *_size(meta, item), *turned)
    grid = _content(file, part, meta, item)
    rows, columns, n_bytes = grid[2] + 1, grid[3] + 1, 4 if grid[1] & _WIDE else 2
    width, height = (int.from_bytes(grid[4 + i * n_bytes : 4 + (i + 1) * n_bytes]) for i in (0, 1))
    tiles = meta.inputs[item]
    if len(tiles) != rows * columns or not width * height:
        raise ValueError("a grid of another number of tiles")
    return Photo(tiles, columns, width, height, *turned)


def _turns(meta: _Meta, item: int) -> tuple[int, int | None]:
    """Return the rotation and the mirror of an item."""
    rotation, mirror = 0, None
    for number in meta.owned.get(item, []):
        kind, content = meta.properties[number - 1]
        if kind == b"irot":
            rotation = 90 * (content[0] & 3)
        if kind == b"imir":
            mirror = content[0] & 1
    return rotation, mirror


def _size(meta: _Meta, item: int) -> tuple[int, int]:
    for number in meta.owned.get(item, []):
        kind, content = meta.properties[number - 1]
        if kind == b"ispe":
            return int.from_bytes(content[4:8]), int.from_bytes(content[8:12])
    return 0, 0


def _content(file: int, part: Part, meta: _Meta, item: int) -> bytes:
    method, offset, length = meta.places[item]
    content = meta.data[offset : offset + length] if method == 1 else os.pread(file, min(length, 64), part[0] + offset)
    if len(content) < 8:  # noqa: PLR2004 - the shortest grid
        raise ValueError("a grid without content")
    return content


def _meta(file: int, part: Part) -> _Meta | None:
    at = part[0]
    for _ in range(_MAX_BOXES):
        head = os.pread(file, 16, at)
        size, kind = int.from_bytes(head[:4]), head[4:8]
        size = int.from_bytes(head[8:16]) if size == 1 else size
        if kind == b"meta":
            return _read(os.pread(file, min(size, _MAX_META_BYTES), at)[8:])
        at += size
        if size < len(head) // 2 or at >= part[1]:
            break
    return None


def _read(content: bytes) -> _Meta:
    """Return the contents of a meta box, without its header."""
    meta = _Meta()
    for kind, body in _boxes(content[4:]):
        match kind:
            case b"pitm":
                meta.primary = int.from_bytes(body[4:6] if body[0] == 0 else body[4:8])
            case b"iinf":
                meta.kinds = dict(_kinds(body))
            case b"iref":
                meta.inputs = dict(_inputs(body))
            case b"iprp":
                _read_properties(body, meta)
            case b"iloc":
                meta.places = dict(_places(body))
            case b"idat":
                meta.data = body
            case _:
                pass
    return meta


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of each box."""
    at = 0
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4]) or len(content) - at
        if size < 8:  # noqa: PLR2004 - a header
            raise ValueError("a box shorter than its header")
        yield content[at + 4 : at + 8], content[at + 8 : at + size]
        at += size


def _kinds(body: bytes) -> Iterator[tuple[int, bytes]]:
    for kind, entry in _boxes(body[6 if body[0] == 0 else 8 :]):
        if kind == b"infe" and entry[0] >= 2:  # noqa: PLR2004 - earlier versions have no type
            width = 2 if entry[0] == 2 else 4  # noqa: PLR2004
            yield int.from_bytes(entry[4 : 4 + width]), entry[6 + width : 10 + width]


def _inputs(body: bytes) -> Iterator[tuple[int, list[int]]]:
    width = 2 if body[0] == 0 else 4
    for kind, entry in _boxes(body[4:]):
        if kind == b"dimg":
            n_inputs = int.from_bytes(entry[width : width + 2])
            if n_inputs > _MAX_TILES:
                raise ValueError("too many tiles")
            starts = [width + 2 + width * number for number in range(n_inputs)]
            yield int.from_bytes(entry[:width]), [int.from_bytes(entry[at : at + width]) for at in starts]


def _read_properties(body: bytes, meta: _Meta) -> None:
    for kind, inner in _boxes(body):
        if kind == b"ipco":
            meta.properties = list(_boxes(inner))
        if kind == b"ipma":
            meta.owned |= dict(_owned(inner))


def _owned(body: bytes) -> Iterator[tuple[int, list[int]]]:
    """Yield each item with the numbers of its properties, from 1."""
    width, is_wide, at = (2 if body[0] == 0 else 4), bool(body[3] & 1), 8
    for _ in range(int.from_bytes(body[4:8])):
        item, n_owned = int.from_bytes(body[at : at + width]), body[at + width]
        at += width + 1
        step, mask = (2, 0x7FFF) if is_wide else (1, 0x7F)
        yield item, [int.from_bytes(body[at + step * n : at + step * (n + 1)]) & mask for n in range(n_owned)]
        at += step * n_owned


def _places(body: bytes) -> Iterator[tuple[int, tuple[int, int, int]]]:
    version, sizes = body[0], (body[4] >> 4, body[4] & 15, body[5] >> 4, body[5] & 15 if body[0] else 0)
    width, at = (2, 8) if version < 2 else (4, 10)  # noqa: PLR2004 - as the standard has it
    for _ in range(int.from_bytes(body[6:at])):
        item, method = int.from_bytes(body[at : at + width]), 0
        at += width
        if version:
            method, at = body[at + 1] & 15, at + 2
        base = int.from_bytes(body[at + 2 : at + 2 + sizes[2]])
        at += 2 + sizes[2]
        n_extents, at = int.from_bytes(body[at : at + 2]), at + 2
        for number in range(n_extents):
            at += sizes[3]
            offset, length = (
                int.from_bytes(body[at : at + sizes[0]]),
                int.from_bytes(body[at + sizes[0] : at + sizes[0] + sizes[1]]),
            )
            at += sizes[0] + sizes[1]
            if not number:
                yield item, (method, base + offset, length)
