"""Print what the first look at a post costs: ``python -m ops.bench.first_pass [--video FILE] [--files N]``.

CPU seconds for 60 s of media, from the file to the descriptors. The whole is measured as it runs, with the decoder in a
child process, which is counted but for its start: it serves many posts. The steps run in one thread without a sandbox.
Beside them, in turns of the same run, what decoding every frame and all sound with PyAV on one thread takes. Then the
bytes of the records, before compression, and the rows of descriptors, for 60 s of media.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import aclosing
from pathlib import Path

import av
import numpy as np
import onnxruntime
import PIL

from ops.bench.first_pass.files import demonstration, make
from ops.bench.first_pass.steps import stepping
from ops.bench.first_pass.written import written
from ops.bench.made_records import made_post
from ops.bench.suite.models import describe, load_models
from schemas.messages import Frames
from streams.decode.decoder import Decoder, post_sampling
from streams.decode.fetch.fetcher import Fetcher
from streams.decode.media import segments as decoding
from streams.decode.media.cutting import cut
from streams.decode.media.probe import scan
from streams.decode.media_access import MediaAccess, OpenMedium
from streams.decode.post_records import PostRecords
from streams.decode.settings import MediaSettings
from streams.decode.stage import decode_post
from streams.engine.record import Output, Record
from streams.evaluation.cpu import cpu_s
from streams.evaluation.described import Models

_RECORD = Record("posts", 0, 0, b"", b"")
_MINUTE_S = 60.0


class FirstPass:
    """The first look at files, whole or step by step."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self.n_frames = self.n_views = 0

    async def whole(self, files: list[Path]) -> float:
        """Return the CPU seconds of this process and of the decoders."""
        before_s = cpu_s()
        settings = MediaSettings(file_roots=(files[0].parent,))
        async with Fetcher(settings) as fetcher, Decoder(settings) as decoder:
            access = MediaAccess(fetcher, decoder, settings.max_media)
            for file in files:
                async with aclosing(decode_post(made_post(file), _RECORD, access)) as outputs:
                    async for output in outputs:
                        self._describe(output.message)
        return cpu_s() - before_s

    def steps(self, files: list[Path]) -> dict[str, float]:
        """Return the CPU seconds of each step, without child processes."""
        self.n_frames = self.n_views = 0
        with stepping() as clock:
            for file in files:
                for message in records_of(file):
                    self._describe(message)
            return clock.close()

    def written(self, files: list[Path]) -> Counter[str]:
        """Return what is written for files, as the function of this name."""
        return written((record for file in files for record in records_of(file)), self._describe)

    def _describe(self, message: object) -> Output:
        found = describe(self._models, message)
        if isinstance(message, Frames):
            self.n_frames += len(message.frames)
            self.n_views += len(getattr(found.message, "times_s", []))
        return found


def records_of(file: Path) -> list[object]:
    """Return the records of a post with this file, decoded in this thread."""
    sampling, post = post_sampling(MediaSettings()), made_post(file)
    records = PostRecords(post, voice=False, read_on_screen=False)
    made: list[object] = [records.own_text().message]
    with file.open("rb", buffering=0) as picture, file.open("rb", buffering=0) as sound:
        files = picture.fileno(), sound.fileno()
        info = scan(files[0], sampling)
        medium = OpenMedium(0, file, info, cut(info, sampling.segment_s))
        records.add([medium], last=True)
        for span, segment in zip(medium.spans, decoding.segments(files, info, sampling), strict=True):
            made += [output.message for output in records.segment(medium, span, segment, sampling.sound_rate_hz)]
    return made


def _every_frame(files: list[Path]) -> float:
    before_s = cpu_s()
    for file in files:
        with av.open(file) as container:
            for stream in container.streams:
                stream.codec_context.thread_count = 1
            for packet in container.demux():
                packet.decode()
    return cpu_s() - before_s


async def child_start(file: Path) -> float:
    """Return the CPU seconds of a decoder's start, of its end, and of one scan."""
    before_s = cpu_s()
    async with Decoder(MediaSettings()) as decoder:
        await decoder.scan(file)
    return cpu_s() - before_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--video", type=Path, help="a long video instead of the demonstration's clips")
    parser.add_argument("--files", type=int, default=8, help="files of 10 s; a quarter as many of 60 s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder of the files, which are made once")
    arguments = parser.parse_args()
    sys.stdout.write(
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs; PyAV {av.__version__}, "
        f"ONNX Runtime {onnxruntime.__version__}, Pillow {PIL.__version__}, numpy {np.__version__}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        kept = arguments.keep or Path(folder)
        videos = [arguments.video] if arguments.video else demonstration()
        made = make(kept, videos, arguments.files, arguments.seed)
        _measure(made, arguments.rounds)


def _measure(made: dict[str, list[Path]], n_rounds: int) -> None:
    models = load_models()
    any_file = next(iter(made.values()))[0]
    first = FirstPass(models)
    first.steps([any_file])  # everything is loaded
    starts_s = [asyncio.run(child_start(any_file)) for _ in range(3)]
    start_s = statistics.median(starts_s)
    sys.stdout.write(f"start of a decoder, its end and one scan: {start_s:.2f} s\n")
    for name, files in made.items():
        _print(name, first, files, n_rounds, start_s)


def _print(name: str, first: FirstPass, files: list[Path], n_rounds: int, start_s: float) -> None:
    scale = _MINUTE_S / sum(_seconds(file) for file in files)
    wholes, plains, steps = [], [], []
    began_s = time.perf_counter()
    for _ in range(n_rounds):
        plains.append(_every_frame(files) * scale)
        wholes.append((asyncio.run(first.whole(files)) - start_s) * scale)
        steps.append(first.steps(files))
    plain, whole = statistics.median(plains), statistics.median(wholes)
    ratio = statistics.median(a / b for a, b in zip(wholes, plains, strict=True))
    sys.stdout.write(
        f"\n{name}: {len(files)} files, CPU s for 60 s: whole {whole:.2f}, every frame decoded {plain:.2f}, "
        f"ratio {ratio:.2f}; {first.n_frames * scale:.0f} frames, {first.n_views * scale:.0f} views for 60 s "
        f"({time.perf_counter() - began_s:.0f} s)\n"
    )
    sys.stdout.flush()
    for step in steps[0]:
        sys.stdout.write(f"  {step:22}{statistics.median(each[step] for each in steps) * scale:7.3f}\n")
    total = statistics.median(sum(each.values()) for each in steps) * scale
    sys.stdout.write(f"  {'all steps':22}{total:7.3f}\n")
    for what, number in first.written(files).items():
        sys.stdout.write(f"  {what if 'rows' in what else f'bytes on {what}':22}{number * scale:9.0f}\n")


def _seconds(file: Path) -> float:
    with av.open(file) as container:
        return (container.duration or 0) / av.time_base


if __name__ == "__main__":
    main()
