"""CPU seconds by step: each second counts for the innermost step that runs."""

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Any
from unittest import mock

STEPS = {
    "scan": ["streams.decode.media.probe:_scan_part"],
    "open the tracks": ["streams.decode.media.segments:_Tracks"],
    "decode the picture": ["streams.decode.media.picture_track:decoded"],
    "previews and scaling": [
        "streams.decode.media.sample:FrameSampler._preview",
        "streams.decode.media.sample:FrameSampler._picture",
    ],
    "encode JPEG": ["streams.decode.media.sample:jpeg"],
    "thumbnails": ["streams.decode.media.sample:blurred", "streams.decode.media.sample:thumbnails"],
    "decode the sound": ["streams.decode.media.segments:decoded"],
    "resample": ["streams.decode.media.sound:_resampled"],
    "decode JPEG": ["models.visual.model:VisualModel._decode"],
    "rectangles": ["models.visual.cuts:_inside"],
    "bars, views": ["models.visual.model:post_parts"],
    "scale to the model": ["models.visual.model:VisualModel._square", "models.visual.model:is_blank"],
    "visual model": ["models.visual.model:VisualModel.embed"],
    "audio model": ["models.audio.model:AudioModel.describe"],
    "landmarks of the sound": ["streams.describe.audio:landmarks_of"],
    "text model": ["models.text.model:TextModel.describe"],
}
"""Step to the functions that are it; a generator counts while it runs."""
REST = "rest"


class StepClock:
    """Clock of one thread that is always in exactly one step."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys([*STEPS, REST], 0.0)
        self._stack = [REST]
        self._since_s = time.thread_time()

    def run[R](self, step: str, call: Callable[[], R]) -> R:
        """Return the result of a call, whose CPU seconds count for a step, but for those of steps inside it."""
        self._turn()
        self._stack.append(step)
        try:
            return call()
        finally:
            self._turn()
            self._stack.pop()

    def _turn(self) -> None:
        now_s = time.thread_time()
        self.seconds[self._stack[-1]] += now_s - self._since_s
        self._since_s = now_s

    def close(self) -> dict[str, float]:
        """Return the CPU seconds of each step."""
        self._turn()
        return self.seconds


@contextmanager
def stepping() -> Iterator[StepClock]:
    """Yield a clock that counts the steps of this thread while the block runs."""
    clock = StepClock()
    with ExitStack() as patches:
        for step, names in STEPS.items():
            for name in names:
                module, _, path = name.partition(":")
                owner: Any = importlib.import_module(module)
                *outer, last = path.split(".")
                for each in outer:
                    owner = getattr(owner, each)
                patches.enter_context(mock.patch.object(owner, last, _timed(clock, step, getattr(owner, last))))
        yield clock


def _timed(clock: StepClock, step: str, call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call, updated=())
    def timed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - any step's
        result = clock.run(step, partial(call, *arguments, **options))
        return _iterated(clock, step, result) if isinstance(result, Iterator) else result

    return timed


def _iterated(clock: StepClock, step: str, source: Iterator[Any]) -> Iterator[Any]:
    take = partial(next, source, _END)
    while (item := clock.run(step, take)) is not _END:
        yield item


_END = object()
