"""Print what sealing costs of the CPU: ``python -m ops.bench.sealing [--rounds N] [--clips N]``.

The demonstration's clips go through decode, the wire format, visual and audio, in pairs of one run with sealing and one
without, the order changing from pair to pair. CPU seconds are of this process and of the decoders that it started. The
seal's own cost is measured in a second way, by the thread's clock around its calls.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from models.audio.model import AudioModel
from models.registry import Registry
from models.visual.model import VisualModel
from ops.bench.made_records import made_post
from schemas.codec import Codec
from schemas.messages import Frames, Sounds
from streams.decode.decoder import Decoder
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media_access import MediaAccess
from streams.decode.settings import MediaSettings
from streams.decode.stage import decode_post
from streams.demo.scenario import MEDIA
from streams.describe.audio import describe_sounds
from streams.describe.visual import describe_frames
from streams.engine.record import Record
from streams.evaluation.cpu import cpu_s
from streams.sealing.media import MediaSeal
from streams.sealing.settings import SealingSettings

_CODEC = Codec()
_RECORD = Record("posts", 0, 0, b"", b"")


class _Models(NamedTuple):
    visual: VisualModel
    audio: AudioModel


class Cost(NamedTuple):
    """CPU seconds of a run, those of them within the seal, and seconds of media."""

    cpu_s: float
    seal_s: float
    media_s: float
    n_bytes: int


class _Timed:
    """A seal that sums the CPU seconds of its calls; without a seal it changes nothing."""

    def __init__(self, seal: MediaSeal | None) -> None:
        self._seal = seal
        self.seconds = 0.0

    def sealed[M: Frames | Sounds](self, message: M) -> M:
        """Return a message as it goes to the broker."""
        return self._run("sealed", message)

    def unsealed[M: Frames | Sounds](self, message: M) -> M:
        """Return a message as a stage describes it."""
        return self._run("frames" if isinstance(message, Frames) else "sounds", message)

    def _run[M: Frames | Sounds](self, method: str, message: M) -> M:
        if self._seal is None:
            return message
        started_s = time.thread_time()
        result: M = getattr(self._seal, method)(message)
        self.seconds += time.thread_time() - started_s
        return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clips", type=int, default=len(list(MEDIA.glob("*.mp4"))))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seal = MediaSeal(SealingSettings(key_file=Path(folder) / "keys.json"))
        pairs = asyncio.run(_pairs(seal, arguments.rounds, arguments.clips))
    ratios = [sealed.cpu_s / plain.cpu_s for sealed, plain in pairs]
    sealed = [pair[0] for pair in pairs]
    media_s = sealed[0].media_s
    share = statistics.median(cost.seal_s / cost.cpu_s for cost in sealed)
    per_minute_ms = 60_000 * statistics.median(cost.seal_s for cost in sealed) / media_s
    whole = 60 * statistics.median(cost.cpu_s for cost in sealed) / media_s
    sys.stdout.write(
        f"{len(pairs)} pairs over {media_s:.0f} s of media, {sealed[0].n_bytes / 1e6:.1f} MB sealed\n"
        f"CPU with sealing over CPU without: median {statistics.median(ratios):.4f}, "
        f"{min(ratios):.4f} to {max(ratios):.4f}\n"
        f"seal and unseal: {per_minute_ms:.1f} ms of {whole:.2f} CPU seconds for 60 s of media, {share:.2%}\n"
    )


async def _pairs(seal: MediaSeal, n_rounds: int, n_clips: int) -> list[tuple[Cost, Cost]]:
    registry, clips = Registry(), sorted(MEDIA.glob("*.mp4"))[:n_clips]
    models = _Models(registry.visual(), registry.audio())
    await _run(None, models, clips[:1])  # everything is loaded
    pairs = []
    for number in range(n_rounds):
        order: list[MediaSeal | None] = [seal, None] if number % 2 else [None, seal]
        costs = {one: await _run(one, models, clips) for one in order}
        pairs.append((costs[seal], costs[None]))
    return pairs


async def _run(seal: MediaSeal | None, models: _Models, clips: Sequence[Path]) -> Cost:
    timed, before_s = _Timed(seal), cpu_s()
    media_s, n_bytes = 0.0, 0
    for clip in clips:
        settings = MediaSettings(file_roots=(clip.parent,))
        async with Fetcher(settings) as fetcher, Decoder(settings) as decoder:
            access = MediaAccess(fetcher, decoder, settings.max_media)
            async with aclosing(decode_post(made_post(clip), _RECORD, access)) as outputs:
                async for topic, _, message in outputs:
                    if isinstance(message, Frames | Sounds):
                        n_bytes += _describe(models, timed, topic, message)
                        media_s += message.segment.duration_s if isinstance(message, Frames) else 0.0
    return Cost(cpu_s() - before_s, timed.seconds, media_s, n_bytes)


def _describe(models: _Models, timed: _Timed, topic: str, message: Frames | Sounds) -> int:
    """Describe a message as the next stage does and return its size on the wire."""
    value = _CODEC.encode(topic, timed.sealed(message))
    received = _CODEC.decode(topic, value)
    assert isinstance(received, Frames | Sounds)
    opened = timed.unsealed(received)
    if isinstance(opened, Frames):
        describe_frames(models.visual, opened)
    else:
        describe_sounds(models.audio, opened)
    return len(value)


if __name__ == "__main__":
    main()
