"""`jikimi worker decode` with a handler that follows the instruction in each post's caption; the engine is real.

python -m tests.faults.worker FOLDER

A caption is an instruction, or several, one after the other: `slow 0.02`, `hang` (as long as FOLDER/hang exists),
`refuse`, `bug`, `die` (SIGKILL), `transient 2` (fails so often), `big 2000000` (bytes of output). With FOLDER/two a
second agent reads the same topic; `second 0.1` hangs there as `hang` does.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

from schemas.messages import Parts, Post, Segment, Text, Texts
from streams.engine.context import Context
from streams.engine.record import Output, Record
from streams.engine.worker import run_worker
from streams.errors import TransientError, UnprocessableError
from streams.settings import load_settings
from streams.telemetry.logs import configure_service_logging


def create(context: Context) -> None:
    """Attach the stage, under the name and between the topics of decode."""

    @context.stage("decode", reads="posts")
    async def follow_captions(message: Post, record: Record) -> AsyncIterator[Output]:
        n_bytes = 1
        words = message.caption.split()
        for order, argument in zip(words[::2], words[1::2], strict=True):
            n_bytes = await _follow(order, float(argument), record) or n_bytes
        yield Output("texts", message.post_id, _texts(message, n_bytes))

    if Path(sys.argv[1], "two").exists():

        @context.stage("screen", reads="posts")
        async def read_posts_too(message: Post, record: Record) -> AsyncIterator[Output]:
            if message.caption.startswith("second"):
                await _follow("hang", 0.1, record)
            yield Output("texts", f"second/{message.post_id}", _texts(message, 1))


async def _follow(order: str, argument: float, record: Record) -> int:
    match order:
        case "slow":
            await asyncio.sleep(argument)
        case "hang":
            # by a file, which a test can remove while the worker runs
            while Path(sys.argv[1], "hang").exists():  # noqa: ASYNC110, ASYNC240 - likewise
                await asyncio.sleep(argument)
        case "refuse":
            raise UnprocessableError("instructed", "by the caption")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "bug":
            raise ZeroDivisionError("by the caption")
        case "transient" if record.attempt <= argument:
            raise TransientError("instructed", "by the caption")
        case "big":
            return int(argument)
        case _:
            pass
    return 0


def _texts(post: Post, n_bytes: int) -> Texts:
    parts = Parts(visual=0, audio=0, text=1)
    segment = Segment(post=post.ref(), parts=parts, segment=0, medium=0, start_s=0.0, duration_s=0.0)
    return Texts(segment=segment, texts=[Text(source="caption", text="x" * n_bytes)])


if __name__ == "__main__":
    configure_service_logging()
    module = ModuleType("streams.decode.stage")
    module.create = create  # type: ignore[attr-defined]  # a module has what one gives it
    sys.modules["streams.decode.stage"] = module
    run_worker(["decode"], load_settings())
