"""Print how explicit harmless pictures seem: ``python -m ops.bench.explicit VIDEO [VIDEO ...]``.

Takes the key frames that ops.bench.visual_views takes. Harmless ones only: nothing else may lie about.
"""

import io
import sys
import time
from pathlib import Path

import numpy as np

from models.explicit.model import ExplicitModel
from models.registry import Registry
from ops.bench.visual_views import key_frames


def main() -> None:
    """Measure and print."""
    model = Registry().explicit()
    for path in sys.argv[1:]:
        print_ratings(model, path)


def print_ratings(model: ExplicitModel, path: str) -> None:
    """Print one video's ratings and what a frame costs."""
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
