"""Mutations of media that a fuzzer applies: damage, lies in headers, and bombs."""

import random
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence

_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 1_000_000_000)
_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"mdat", b"ftyp", b"stsd", b"meta", b"edts", b"udta", b"avcC")
_TABLES = (b"stts", b"stsz", b"stco", b"stsc", b"stss", b"ctts", b"elst", b"tkhd", b"mvhd", b"mdhd", b"ispe", b"iloc")
_CHUNKS = (b"RIFF", b"LIST", b"movi", b"idx1", b"fmt ", b"data", b"VP8 ", b"VP8X", b"ANMF", b"ALPH", b"strf", b"avih")
_PNG_CHUNKS = (b"IHDR", b"IDAT", b"acTL", b"fcTL", b"fdAT", b"iCCP", b"tEXt")
_SIZE_BYTES = 4
"""Of a size or a count; the size of a box stands before its name."""
_FREE_PIXELS = 45_000_000
"""Just below the cap of pixels, so that a picture is decoded."""

type Seeds = Mapping[str, bytes]
type Mutation = Callable[[random.Random, bytes, Seeds], bytes]


def flipped(source: random.Random, medium: bytes, _: Seeds) -> bytes:
    """Return a medium with one to 64 flipped bits."""
    changed = bytearray(medium)
    for _n in range(2 ** source.randrange(7)):
        changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
    return bytes(changed)


def truncated(source: random.Random, medium: bytes, _: Seeds) -> bytes:
    """Return the start of a medium, of any length above 0."""
    return medium[: source.randrange(1, len(medium) + 1)]


def integers(source: random.Random, medium: bytes, _: Seeds) -> bytes:
    """Return a medium with extreme integers of any size and order, most of them near its start or its end."""
    changed = bytearray(medium)
    for _n in range(source.randrange(1, 5)):
        near = source.choice((64, 512, len(changed)))
        start = source.randrange(min(near, len(changed)))
        start = source.choice((start, len(changed) - 1 - start))
        size, order = source.choice((1, 2, 4, 8)), source.choice(("big", "little"))
        value = source.choice(_EXTREMES) % 256**size
        changed[start : start + size] = value.to_bytes(size, order)[: len(changed) - start]
    return bytes(changed)


def box_sizes(source: random.Random, medium: bytes, seeds: Seeds) -> bytes:
    """Return a medium with a lie about the size of a box, chunk or element, or about a table's number of entries."""
    places = [
        (name, at) for name in (*_BOXES, *_TABLES, *_CHUNKS, *_PNG_CHUNKS) if (at := medium.find(name)) >= _SIZE_BYTES
    ]
    if not places:
        return integers(source, medium, seeds)
    name, at = source.choice(places)
    order = "<I" if name in _CHUNKS else ">I"
    offset = at + (4 if name in _CHUNKS else source.choice((-4, 8, 12, 16)) if name in _TABLES else -4)
    lie = source.choice((*_EXTREMES, len(medium), len(medium) * 2, 7, 8, 9))
    changed = bytearray(medium)
    changed[offset : offset + _SIZE_BYTES] = struct.pack(order, lie)[: max(0, len(changed) - offset)]
    return bytes(changed)


def repeated(source: random.Random, medium: bytes, _: Seeds) -> bytes:
    """Return a medium with a run of bytes repeated up to 200 times, as for nested boxes and endless headers."""
    start = source.randrange(len(medium))
    run = medium[start : start + 2 ** source.randrange(1, 12)]
    return medium[:start] + run * source.randrange(2, 200) + medium[start:]


def spliced(source: random.Random, medium: bytes, seeds: Seeds) -> bytes:
    """Return the start of one medium and the end of another."""
    other = seeds[source.choice(sorted(seeds))]
    return medium[: source.randrange(1, len(medium))] + other[source.randrange(len(other)) :]


def removed(source: random.Random, medium: bytes, _: Seeds) -> bytes:
    """Return a medium without a run of bytes, or with zeros in its place."""
    start = source.randrange(len(medium))
    end = min(len(medium), start + 2 ** source.randrange(14))
    return medium[:start] + bytes(source.choice((0, end - start))) + medium[end:] or b"\0"


def bomb(source: random.Random, medium: bytes, seeds: Seeds) -> bytes:
    """Return a picture that is small as a file and huge in memory, or one that claims to be."""
    made = source.choice((_png, _huge_gif, _many_frames, _huge_jpeg, _text_bomb))
    return made(source, medium, seeds)


def _png(source: random.Random, _: bytes, __: Seeds) -> bytes:
    width = source.choice((100, 5_000, 60_000))
    height = source.choice((_FREE_PIXELS // width, 2**31 // width, 2**30))
    bits, kind, channels = source.choice(((8, 2, 3), (16, 6, 8), (1, 0, 0.125)))
    pixels = bytes(min(int(width * channels) + 1, 2**20)) * min(height, 200)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, source.randrange(2))),
        (b"IDAT", zlib.compress(pixels, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def _huge_gif(source: random.Random, _: bytes, seeds: Seeds) -> bytes:
    """Return an animation whose canvas has billions of pixels."""
    size = struct.pack("<HH", source.choice((65_535, 7_000)), source.choice((65_535, 7_000)))
    return b"GIF89a" + size + seeds["anim.gif"][10:]


def _many_frames(source: random.Random, _: bytes, seeds: Seeds) -> bytes:
    """Return an animation of thousands of frames, each of which is shown not at all or for eleven minutes."""
    medium = seeds["anim.gif"]
    start = medium.find(b"\x21\xf9\x04")
    frames = bytearray(medium[start:-1])
    frames[4:6] = source.choice((b"\0\0", b"\xff\xff"))
    return medium[:start] + bytes(frames) * source.choice((100, 1_000)) + b";"


def _huge_jpeg(source: random.Random, _: bytes, seeds: Seeds) -> bytes:
    medium = bytearray(seeds["a.jpeg"])
    at = medium.find(b"\xff\xc0") + 5
    medium[at : at + 4] = struct.pack(">HH", source.choice((65_500, 6_700)), source.choice((65_500, 6_700)))
    return bytes(medium)


def _text_bomb(source: random.Random, _: bytes, __: Seeds) -> bytes:
    """Return a playlist or an XML file that refers to itself many times."""
    line = source.choice((b"#EXTINF:1,\nfile:///proc/self/environ\n", b"file /dev/zero\n", b"<!ENTITY a '&a;&a;'>\n"))
    head = source.choice((b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n", b"ffconcat version 1.0\n", b"<?xml version='1.0'?>\n"))
    return head + line * source.randrange(1, 5_000)


MUTATIONS: Sequence[Mutation] = (flipped, truncated, integers, box_sizes, repeated, spliced, removed, bomb)
