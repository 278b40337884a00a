"""Print the explicitness of harmless pictures: ``python -m ops.bench.explicit VIDEO [VIDEO ...]``.

Takes a key frame each six seconds. Use harmless videos only; others must not be stored.
"""

import argparse
import io
import sys
import time
from pathlib import Path

import av
import numpy as np
from PIL import Image

from models.explicit.model import ExplicitModel
from models.registry import Registry

_EVERY_S = 6.0
_MAX_FRAMES = 90


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    videos = parser.parse_args().videos
    model = Registry().explicit()
    for path in videos:
        print_ratings(model, path)


def key_frames(path: str) -> list[Image.Image]:
    """Return key frames at least six seconds apart, at most 640 pixels wide."""
    frames: list[Image.Image] = []
    last_s = -_EVERY_S
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        for frame in container.decode(stream):
            if frame.time - last_s >= _EVERY_S and len(frames) < _MAX_FRAMES:
                picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
                picture.thumbnail((640, 640))
                if np.asarray(picture.convert("L")).std() > 10:  # noqa: PLR2004 - a fade has no content
                    frames.append(picture)
                last_s = frame.time
    return frames


def print_ratings(model: ExplicitModel, path: str) -> None:
    """Print one video's ratings and the cost of a frame."""
    jpegs = []
    for frame in key_frames(path):
        buffer = io.BytesIO()
        frame.save(buffer, "JPEG", quality=85)
        jpegs.append(buffer.getvalue())
    began_s = time.process_time()
    ratings = model.rate(jpegs)
    ms = 1000 * (time.process_time() - began_s) / max(1, len(jpegs))
    above = " ".join(f"{np.mean(ratings >= least):7.1%}" for least in (0.2, 0.5, 0.8))
    sys.stdout.write(
        f"{Path(path).name:20} {len(jpegs):4} frames  median {np.median(ratings):.3f}  highest {ratings.max():.3f}  "
        f"at least 0.2, 0.5, 0.8: {above}  {ms:.0f} ms a frame\n"
    )


if __name__ == "__main__":
    main()
