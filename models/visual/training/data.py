"""Training data: pictures of unpacked packages, each once, as small WebP files in one archive.

``python -m models.visual.training.data FOLDER OUT.npz`` reads FOLDER/<package>/**: the unpacked packages of
packages.txt (card.md has the commands). Small, plain and repeated pictures are left out.
"""

import argparse
import io
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 224
"""Pictures are stored as squares of this side, without keeping their shape, as the model gets them."""
HELD_OUT = frozenset({"endless-sky-data", "hedgewars-data", "mate-backgrounds", "neverball-data"})
"""Packages excluded from training; the figures that train.py prints are of these."""

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tga"})
_ARCHIVES = frozenset({".pk3", ".zip"})
_RESOURCES = ".rcc"
"""Files of Qt, which hold others one after another."""
_WEBP = re.compile(rb"RIFF....WEBP", re.DOTALL)
_NO_PICTURE = re.compile(
    r"norm|_nm|_n\.|_s\.|spec|gloss|bump|height|light_?map|_lm\.|mask|alpha|displ|rough|ambient|_ao"
)
"""Parts of paths of maps for rendering, which nobody posts."""
_LEAST_SIDE, _LEAST_DEVIATION = 120, 14.0
_LONG_SIDE = 4 * SIDE
"""Half of the pictures with a longer side are stored as four quarters: same light, same subject, another picture."""
_MOST_PIXELS = 20_000_000
_SAME_BITS = 6
"""Most different bits, of 64, of the gradients of a repeated picture."""
_QUALITY = 60
_MOST = {"openclipart-png": 900, "gcompris-qt-data": 600, "supertuxkart-data": 500, "visp-images-data": 60}
_MOST_OF_ONE = 340
"""Most pictures of one package, drawn at random."""
_WORKERS = 4
_IN = "//"
_TRIES = 3
"""Files read for each picture wanted: many are small or plain."""


class Pictures(NamedTuple):
    """All training pictures."""

    webp: npt.NDArray[np.uint8]
    """Files, one after another."""
    ends: npt.NDArray[np.int64]
    """End of each file."""
    package: npt.NDArray[np.int64]
    """Index into names for each file."""
    names: npt.NDArray[np.str_]


def collect(folder: Path) -> Pictures:
    """Read every package in a folder."""
    packages = sorted(path for path in folder.iterdir() if path.is_dir())
    files: list[bytes] = []
    owners: list[int] = []
    seen = np.zeros(0, np.uint64)
    with ProcessPoolExecutor(_WORKERS) as pool:
        for number, found in enumerate(pool.map(_package, packages)):
            new = [(webp, gradients) for webp, gradients in found if not _repeated(gradients, seen)]
            seen = np.append(seen, np.array([gradients for _, gradients in new], np.uint64))
            files += [webp for webp, _ in new]
            owners += [number] * len(new)
            sys.stdout.write(f"{packages[number].name}: {len(new)}\n")
            sys.stdout.flush()
    ends = np.cumsum([len(file) for file in files])
    names = np.array([package.name for package in packages])
    return Pictures(np.frombuffer(b"".join(files), np.uint8), ends, np.array(owners, np.int64), names)


def _package(package: Path) -> list[tuple[bytes, np.uint64]]:
    """Return the different pictures of a package, each with its gradients."""
    n_most = _MOST.get(package.name, _MOST_OF_ONE)
    found: list[tuple[bytes, np.uint64]] = []
    for square in _pictures(_shuffled(package)[: _TRIES * n_most]):
        gradients = _gradients(square)
        if not _repeated(gradients, np.array([each for _, each in found], np.uint64)):
            found.append((_webp(square), gradients))
        if len(found) == n_most:
            break
    return found


def _repeated(gradients: np.uint64, seen: npt.NDArray[np.uint64]) -> bool:
    return bool((np.bitwise_count(seen ^ gradients) <= _SAME_BITS).any())


def decoded(webp: bytes) -> npt.NDArray[np.uint8]:
    """Return a stored picture, RGB, shape (SIDE, SIDE, 3)."""
    with Image.open(io.BytesIO(webp)) as image:
        return np.asarray(image.convert("RGB"))


def _paths(package: Path) -> Iterator[str]:
    """Yield the pictures of a package; those inside another file as ``file//member`` or ``file//offset``."""
    for path in package.rglob("*"):
        suffix = path.suffix.lower()
        if not path.is_file() or path.is_symlink():
            continue
        if suffix == _RESOURCES:
            yield from (f"{path}{_IN}{found.start()}" for found in _WEBP.finditer(path.read_bytes()))
        elif suffix in _ARCHIVES and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield from (f"{path}{_IN}{name}" for name in archive.namelist() if _is_picture(name))
        elif _is_picture(str(path)):
            yield str(path)


def _is_picture(name: str) -> bool:
    lower = name.lower()
    return Path(lower).suffix in _SUFFIXES and not _NO_PICTURE.search(lower.rpartition("/")[2])


def _shuffled(package: Path) -> list[str]:
    paths = sorted(_paths(package))
    return [paths[index] for index in np.random.default_rng(0).permutation(len(paths))]


def _pictures(paths: list[str]) -> Iterator[npt.NDArray[np.uint8]]:
    for path in paths:
        try:
            content = _content(path)
            seed = zlib.crc32(content)
            image = _opened(content, seed)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, zipfile.BadZipFile) as error:
            sys.stderr.write(f"left out {path}: {error}\n")
            continue
        if image is None:
            continue
        for part in _parts(image, quarters=seed % 2 == 0):
            square = np.asarray(part.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=2))
            if square.mean(axis=2).std() >= _LEAST_DEVIATION:
                yield square


def _content(path: str) -> bytes:
    outer, _, member = path.partition(_IN)
    if not member:
        return Path(outer).read_bytes()
    if outer.endswith(_RESOURCES):
        start = int(member)
        with Path(outer).open("rb") as file:
            file.seek(start)
            head = file.read(8)
            return head + file.read(int.from_bytes(head[4:], "little"))
    with zipfile.ZipFile(outer) as archive:
        return archive.read(member)


def _opened(content: bytes, seed: int) -> Image.Image | None:
    """Return an RGB picture, None for one that is small or a strip."""
    with Image.open(io.BytesIO(content)) as image:
        short, long = sorted(image.size)
        if short < _LEAST_SIDE or long > 3 * short or short * long > _MOST_PIXELS:
            return None
        image.draft("RGB", (_LONG_SIDE, _LONG_SIDE))
        if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
            return _over(image.convert("RGBA"), seed)
        return image.convert("RGB")


def _over(image: Image.Image, seed: int) -> Image.Image:
    """Return a transparent picture over a colour."""
    colour = tuple(np.random.default_rng(seed).integers(30, 240, 3).tolist())
    ground = Image.new("RGBA", image.size, (*colour, 255))
    return Image.alpha_composite(ground, image).convert("RGB")


def _parts(image: Image.Image, *, quarters: bool) -> Iterator[Image.Image]:
    width, height = image.size
    if max(width, height) < _LONG_SIDE or not quarters:
        yield image
        return
    for left in (0, width // 2):
        for top in (0, height // 2):
            yield image.crop((left, top, left + width // 2, top + height // 2))


def _gradients(square: npt.NDArray[np.uint8]) -> np.uint64:
    small = np.asarray(Image.fromarray(square).convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return np.uint64(np.packbits(small[:, 1:] > small[:, :-1]).view(np.uint64)[0])


def _webp(square: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(square).save(buffer, "WEBP", quality=_QUALITY, method=2)
    return buffer.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, metavar="OUT.npz")
    given = parser.parse_args()
    np.savez(given.out, **collect(given.folder)._asdict())
