"""Print what each view of a frame finds: ``python -m ops.bench.visual_views VIDEO [VIDEO ...]``.

Takes a key frame each six seconds, edits it as reposts do, and compares with the unedited frames. Another frame of the
same shots is not counted as wrong or right.
"""

import io
import sys
import time
from collections.abc import Callable

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from models.registry import Registry
from models.visual.model import VisualModel
from models.visual.views import VIEWS

Picture = Image.Image
Vectors = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]

_EVERY_S = 6.0
_MAX_FRAMES = 90
_SAME_SHOT = 0.5
_FOUND = 0.5
"""Similarity from which a copy counts as found: models.alignment.VISUAL.sure."""


def main() -> None:
    """Measure and print."""
    frames = [frame for path in sys.argv[1:] for frame in key_frames(path)]
    model = Registry().visual()
    references = embed(model, frames, views=False)[0]
    others = frames[::-1]
    close = references @ references.T > _SAME_SHOT
    print_cost(model, frames[:8])
    unrelated = []
    sys.stdout.write(f"\n{len(frames)} frames\n{'edit':22}full frame: cosine found   all views: cosine found\n")
    for name, edit in EDITS.items():
        vectors, frame = embed(model, [edit(*pair) for pair in zip(frames, others, strict=True)], views=True)
        similarity = vectors @ references.T
        best = np.array([similarity[frame == index].max(axis=0) for index in range(len(frames))])
        full = np.array([similarity[frame == index][0] for index in range(len(frames))])
        unrelated.append(best[~(close | close[::-1])])
        a, b = full.diagonal(), best.diagonal()
        row = f"{name:22}{np.mean(a):19.2f} {np.mean(a > _FOUND):5.2f}{np.mean(b):19.2f} {np.mean(b > _FOUND):5.2f}\n"
        sys.stdout.write(row)
    percentiles = np.percentile(np.concatenate(unrelated), [50, 99, 99.9])
    sys.stdout.write("unrelated, best view: median {:.2f}, 99 % {:.2f}, 99.9 % {:.2f}\n".format(*percentiles))


def key_frames(path: str) -> list[Picture]:
    """Return key frames at least six seconds apart, at most 640 pixels wide."""
    frames: list[Picture] = []
    last_s = -_EVERY_S
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        for frame in container.decode(stream):
            if frame.time - last_s >= _EVERY_S and len(frames) < _MAX_FRAMES:
                picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
                picture.thumbnail((640, 640))
                if np.asarray(picture.convert("L")).std() > 10:  # noqa: PLR2004 - a fade says nothing
                    frames.append(picture)
                last_s = frame.time
    return frames


def embed(model: VisualModel, pictures: list[Picture], *, views: bool) -> tuple[Vectors, npt.NDArray[np.int32]]:
    """Return descriptors and the index of the picture of each."""
    prepared = model.prepare([as_jpeg(picture) for picture in pictures], views=views)
    return model.embed(prepared.pixels), prepared.frame


def as_jpeg(picture: Picture, quality: int = 80) -> bytes:
    """Compress a picture."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def print_cost(model: VisualModel, frames: list[Picture]) -> None:
    """Print processor time for one view, on one thread."""
    jpegs = [as_jpeg(frame) for frame in frames]
    start = time.process_time()
    prepared = model.prepare(jpegs, views=True)
    middle = time.process_time()
    model.embed(prepared.pixels)
    end = time.process_time()
    n_views = len(prepared.pixels)
    row = f"prepare {1e3 * (middle - start) / n_views:.1f} ms, embed {1e3 * (end - middle) / n_views:.1f} ms per view"
    sys.stdout.write(f"{row}, {n_views / len(frames):.0f} of {len(VIEWS)} views per frame\n")


def inset(box: Box) -> Callable[[Picture, Picture], Picture]:
    """Return an edit: the picture inside a box of another one."""

    def edit(picture: Picture, other: Picture) -> Picture:
        background = other.resize((640, 360))
        left, top, right, bottom = (round(edge * size) for edge, size in zip(box, (640, 360, 640, 360), strict=True))
        background.paste(picture.resize((right - left, bottom - top)), (left, top))
        return background

    return edit


def upright(picture: Picture, fill: Picture) -> Picture:
    """Return a tall frame with the picture across its middle, the rest filled with a blurred one."""
    tall = fill.resize((360, 640)).filter(ImageFilter.GaussianBlur(20))
    height = round(360 * picture.height / picture.width)
    tall.paste(picture.resize((360, height)), (0, (640 - height) // 2))
    return tall


def cut(picture: Picture, box: Box) -> Picture:
    """Return a part of a picture."""
    left, top, right, bottom = (edge * size for edge, size in zip(box, picture.size * 2, strict=True))
    return picture.crop((round(left), round(top), round(right), round(bottom)))


EDITS: dict[str, Callable[[Picture, Picture], Picture]] = {
    "none": lambda picture, _: picture,
    "jpeg quality 10": lambda picture, _: Image.open(io.BytesIO(as_jpeg(picture, 10))),
    "160 pixels wide": lambda picture, _: picture.resize((160, 90)),
    "stretched to 1:1": lambda picture, _: picture.resize((360, 360)),
    "letterbox": lambda picture, _: inset((0, 0.15, 1, 0.85))(picture, Image.new("RGB", (640, 360))),
    "mirrored": lambda picture, _: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "half as bright": lambda picture, _: picture.point(lambda value: value // 2),
    "cut to 80 %": lambda picture, _: cut(picture, (0.1, 0.1, 0.9, 0.9)),
    "cut to 9:16": lambda picture, _: cut(picture, (0.34, 0, 0.66, 1)),
    "cut to a quarter": lambda picture, _: cut(picture, (0, 0, 0.5, 0.5)),
    "inset, corner 50 %": inset((0.48, 0.02, 0.98, 0.52)),
    "inset, corner 40 %": inset((0.02, 0.58, 0.42, 0.98)),
    "inset, centre 50 %": inset((0.25, 0.25, 0.75, 0.75)),
    "inset, odd place 60 %": inset((0.1, 0.3, 0.7, 0.9)),
    "split screen": inset((0, 0, 0.5, 1)),
    "9:16, blurred fill": upright,
}


if __name__ == "__main__":
    main()
