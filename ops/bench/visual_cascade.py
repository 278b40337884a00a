"""Print the recall of edited runs of frames: ``python -m ops.bench.visual_cascade VIDEO [BACKDROP ...]``.

The first minutes are cut into pieces of 12 s. Every second piece is a reference, described once a second; its copies
are six frames two seconds apart, half a second off. Backdrops are other pieces, or other videos. Insets are placed at
random over a moving backdrop. A copy is found if its own reference scores above every wrong pair of the whole run.
"""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from models.alignment import align
from models.alignment_parameters import VISUAL
from models.registry import Registry
from models.visual.cuts import FIRST_RECTANGLE, FIRST_TILE
from models.visual.model import VisualModel

Picture = Image.Image
Vectors = npt.NDArray[np.float32]
Edit = Callable[[list[Picture], list[Picture], np.random.Generator], list[Picture]]

_RATE = 2
"""Frames a second taken from the videos: even ones for references, odd ones for copies."""
_PIECE_S = 12
_STEP_S = 2
_LONGEST_S = 192
"""Seconds used of each video."""
_SIZE = (640, 360)
_KINDS = {"full": range(FIRST_TILE), "tiles": range(FIRST_RECTANGLE), "all": range(64)}
"""View numbers that each column may use."""


@dataclass(frozen=True)
class Described:
    """Descriptors of a run of frames."""

    vectors: Vectors
    times_s: npt.NDArray[np.float64]
    view: npt.NDArray[np.int32]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", metavar="VIDEO")
    parser.add_argument("backdrops", nargs="*", metavar="BACKDROP")
    given = parser.parse_args()
    path, others = given.video, given.backdrops
    model, random = Registry().visual(), np.random.default_rng(0)
    pieces = cut(frames(path))
    wanted, unknown = pieces[::2], [*pieces[1::2], *(piece for other in others for piece in cut(frames(other)))]
    references = [describe(model, piece[::_RATE], 1.0, 0.0, post=False) for piece in wanted]
    sys.stdout.write(f"{len(wanted)} references, {len(unknown)} other pieces\n")
    plain = [describe(model, query(piece), _STEP_S, 0.5, post=True) for piece in unknown]
    wrong = {kind: [max(scores(post, references, kind)) for post in plain] for kind in _KINDS}
    found = {}
    for name, edit in EDITS.items():
        right: dict[str, list[float]] = {kind: [] for kind in _KINDS}
        n_rows = 0
        for index, piece in enumerate(wanted):
            backdrop = unknown[(index * 7 + 3) % len(unknown)]
            edited = [small(picture) for picture in edit(query(piece), query(backdrop), random)]
            post = describe(model, edited, _STEP_S, 0.5, post=True)
            n_rows += len(post.view)
            for kind in _KINDS:
                each = scores(post, references, kind)
                right[kind].append(each.pop(index))
                wrong[kind].append(max(each))
        sys.stdout.write(f"{name}\r")
        sys.stdout.flush()
        found[name] = (right, n_rows / len(wanted) / len(query(wanted[0])))
    show(found, wrong)


def show(found: dict[str, tuple[dict[str, list[float]], float]], wrong: dict[str, list[float]]) -> None:
    """Print the recall above the highest wrong score by edit, and the number of views."""
    least = {kind: max(worst) for kind, worst in wrong.items()}
    sys.stdout.write("highest wrong score: " + ", ".join(f"{kind} {most:.2f}" for kind, most in least.items()) + "\n")
    sys.stdout.write(f"{'edit':26}" + "".join(f"{kind:>7}" for kind in _KINDS) + "   lowest  views per frame\n")
    for name, (right, n_views) in found.items():
        recall = "".join(f"{np.mean(np.array(right[kind]) > least[kind]):7.2f}" for kind in _KINDS)
        sys.stdout.write(f"{name:26}{recall}{min(right['all']):9.2f}{n_views:9.1f}\n")


def frames(path: str) -> list[Picture]:
    """Return two frames a second, at most 640 x 360."""
    taken: list[Picture] = []
    with av.open(path) as container:
        container.streams.video[0].codec_context.skip_frame = "NONREF"
        for frame in container.decode(video=0):
            if frame.time >= _LONGEST_S:
                break
            if frame.time >= len(taken) / _RATE:
                taken.append(Image.fromarray(frame.reformat(*_SIZE, "rgb24").to_ndarray()))
    return taken


def cut(taken: list[Picture]) -> list[list[Picture]]:
    """Return whole pieces; a short video is repeated to make one."""
    length = _PIECE_S * _RATE
    repeated = taken if len(taken) >= length else [taken[index % len(taken)] for index in range(length)]
    return [repeated[start : start + length] for start in range(0, len(repeated) - length + 1, length)]


def query(piece: list[Picture]) -> list[Picture]:
    """Return the frames of a copy."""
    return piece[1 :: _RATE * _STEP_S]


def describe(
    model: VisualModel, pictures: Sequence[Picture], step_s: float, start_s: float, *, post: bool
) -> Described:
    """Describe frames as the stages do."""
    prepared = model.prepare([as_jpeg(picture) for picture in pictures], views=post)
    return Described(model.embed(prepared.pixels), start_s + step_s * prepared.frame.astype(np.float64), prepared.view)


def scores(post: Described, references: list[Described], kind: str) -> list[float]:
    """Return the score with each reference, using only some of the post's views."""
    rows = np.isin(post.view, list(_KINDS[kind]))
    if not rows.any():
        return [0.0] * len(references)
    found = (align(post.vectors[rows] @ one.vectors.T, post.times_s[rows], one.times_s, VISUAL) for one in references)
    return [one.score if one else 0.0 for one in found]


def as_jpeg(picture: Picture, quality: int = 85) -> bytes:
    """Compress a picture."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def small(picture: Picture) -> Picture:
    """Return a posted frame as the decoder samples it: compressed, and 320 pixels on its short side."""
    scale = min(1.0, 320 / min(picture.size))
    size = (round(picture.width * scale), round(picture.height * scale))
    return Image.open(io.BytesIO(as_jpeg(picture.resize(size, Image.Resampling.BOX), 60))).convert("RGB")


def each(change: Callable[[Picture], Picture]) -> Edit:
    """Return an edit that changes every frame in the same way."""
    return lambda pictures, _backdrop, _random: [change(picture) for picture in pictures]


def chain(*edits: Edit) -> Edit:
    """Return the composition of edits, first to last."""

    def edited(pictures: list[Picture], backdrop: list[Picture], random: np.random.Generator) -> list[Picture]:
        for edit in edits:
            pictures = edit(pictures, backdrop, random)
        return pictures

    return edited


def inset(share: float, size: tuple[int, int] = (1280, 720)) -> Edit:
    """Return an edit that insets the picture at a random place of a backdrop, at this share of its width."""

    def edited(pictures: list[Picture], backdrop: list[Picture], random: np.random.Generator) -> list[Picture]:
        width = round(share * size[0])
        height = round(width * pictures[0].height / pictures[0].width)
        place = (int(random.uniform(0, size[0] - width)), int(random.uniform(0, size[1] - height)))
        shown = [behind.resize(size) for behind in backdrop]
        for ground, picture in zip(shown, pictures, strict=True):
            ground.paste(picture.resize((width, height)), place)
        return shown

    return edited


def cut_at_random(share: float) -> Edit:
    """Return an edit that crops to a random part, this share of both sides."""

    def edited(pictures: list[Picture], _: list[Picture], random: np.random.Generator) -> list[Picture]:
        left, top = random.uniform(0, 1 - share, 2)
        return [part(picture, (left, top, left + share, top + share)) for picture in pictures]

    return edited


def part(picture: Picture, box: tuple[float, float, float, float]) -> Picture:
    """Return a part of a picture."""
    left, top, right, bottom = (round(edge * size) for edge, size in zip(box, picture.size * 2, strict=True))
    return picture.crop((left, top, right, bottom))


def beside(pictures: list[Picture], backdrop: list[Picture], _: np.random.Generator) -> list[Picture]:
    """Show picture and backdrop side by side."""
    shown = [behind.copy() for behind in backdrop]
    for ground, picture in zip(shown, pictures, strict=True):
        ground.paste(part(picture, (0.25, 0, 0.75, 1)), (0, 0))
    return shown


def stacked(pictures: list[Picture], backdrop: list[Picture], _: np.random.Generator) -> list[Picture]:
    """Show picture above backdrop in a tall frame."""
    shown = [Image.new("RGB", (640, 720)) for _ in pictures]
    for ground, picture, other in zip(shown, pictures, backdrop, strict=True):
        ground.paste(picture, (0, 0))
        ground.paste(other, (0, 360))
    return shown


def blurred_sides(picture: Picture) -> Picture:
    """Return a tall frame with the picture in the middle over a blurred enlargement of itself."""
    tall = part(picture, (0.342, 0, 0.658, 1)).resize((720, 1280)).filter(ImageFilter.GaussianBlur(20))
    tall.paste(picture.resize((720, 405)), (0, 437))
    return tall


def meme(picture: Picture) -> Picture:
    """Return the picture below a white band with text."""
    framed = Image.new("RGB", (640, 500), "white")
    framed.paste(picture, (0, 120))
    ImageDraw.Draw(framed).text((40, 20), "when nobody looks\nand it goes on", fill="black", font_size=36)
    return framed


def bordered(picture: Picture) -> Picture:
    """Return the picture within a noisy gray border."""
    noise = np.random.default_rng(0).normal(90, 8, (480, 800, 3)).clip(0, 255).astype(np.uint8)
    framed = Image.fromarray(noise)
    framed.paste(picture, (80, 60))
    return framed


def framed_black(picture: Picture) -> Picture:
    """Return the picture between black bars above and below."""
    framed = Image.new("RGB", (picture.width, picture.height * 4 // 3))
    framed.paste(picture, (0, picture.height // 6))
    return framed


MIRROR = each(lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
EDITS: dict[str, Edit] = {
    "none": each(lambda picture: picture),
    "160 pixels wide": each(lambda picture: picture.resize((160, 90)).resize(_SIZE)),
    "cut to 70 %": cut_at_random(0.7),
    "cut to 50 %": cut_at_random(0.5),
    "cut to 40 %": cut_at_random(0.4),
    "9:16, centre": each(lambda picture: part(picture, (0.342, 0, 0.658, 1))),
    "9:16, blurred sides": each(blurred_sides),
    "turned 90": each(lambda picture: picture.transpose(Image.Transpose.ROTATE_90)),
    "turned 5": each(lambda picture: picture.rotate(5, Image.Resampling.BILINEAR)),
    "meme frame": each(meme),
    "noisy border": each(bordered),
    "side by side": beside,
    "stacked": stacked,
    **{f"inset, {round(100 * share)} %": inset(share) for share in (0.25, 0.3, 0.4, 0.5, 0.6)},
    "inset, 40 %, tall backdrop": inset(0.4, (720, 1280)),
    "inset 40 % + mirror": chain(MIRROR, inset(0.4)),
    "inset 40 % + 160 pixels": chain(inset(0.4), each(lambda picture: picture.resize((284, 160)))),
    "inset 50 % + letterbox": chain(inset(0.5), each(framed_black)),
    "blurred sides + meme": chain(each(meme), each(blurred_sides)),
    "cut to 70 % + mirror": chain(cut_at_random(0.7), MIRROR),
    "cut to 70 % + 9:16": chain(cut_at_random(0.7), each(lambda picture: part(picture, (0.342, 0, 0.658, 1)))),
    "meme frame + turned 5": chain(each(meme), each(lambda picture: picture.rotate(5, Image.Resampling.BILINEAR))),
}


if __name__ == "__main__":
    main()
