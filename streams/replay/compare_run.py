"""`jikimi replay compare`: reads and compares both sides, and writes page and JSON file."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from schemas.codec import Codec, WireError
from schemas.messages import Label, Message, Verdict
from streams.cases.entries import read_keys
from streams.errors import UsageError
from streams.kafka.clients import create_codec
from streams.kafka.topic_reader import Update
from streams.kafka.whole_topic import read_each
from streams.replay.approval import store_comparison
from streams.replay.comparison import LIVE, CompareRequest, Comparison, compare
from streams.replay.decision import DEFAULT, read_thresholds
from streams.replay.naming import Naming
from streams.replay.report import page
from streams.replay.runs import read_run
from streams.replay.sides import VerdictSummary, of_cases, side, summary
from streams.settings import Settings


class OutputPaths(NamedTuple):
    """Folder of the page, and path of the JSON file if it is not beside the page."""

    folder: Path
    json_file: Path | None = None


def compare_run(
    settings: Settings,
    run_id: str,
    paths: OutputPaths,
    *,
    against: str | None = None,
    labels: bool = False,
    thresholds: Path | None = None,
) -> Comparison:
    """Compare a run with the live verdicts, or with another run, and write page and JSON file; store it with the run.

    Raises
    ------
    UsageError
        There is no such run, it has no verdicts, the thresholds cannot be read, or the folder cannot be written.
    """
    allowed = read_thresholds(thresholds or DEFAULT)
    try:
        paths.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{paths.folder}: {error.strerror}") from error
    request = asyncio.run(_read(settings, run_id, against, labels=labels))
    found = compare(request, allowed, datetime.now(UTC))
    (paths.folder / f"{run_id}.html").write_text(page(found), "utf-8")
    content = msgspec.json.format(msgspec.json.encode(found), indent=1)
    store_comparison(settings, request, found, thresholds)
    (paths.json_file or paths.folder / f"{run_id}.json").write_bytes(content + b"\n")
    return found


async def _read(settings: Settings, run_id: str, against: str | None, *, labels: bool) -> CompareRequest:
    run = (await read_run(settings, run_id)).run
    other = (await read_run(settings, against)).run if against is not None else None
    own = await _summaries(settings, Naming(settings, run_id).of("verdicts"))
    after = side(run_id, own)
    if not after.posts:
        raise UsageError(f"{run_id} has no verdicts yet: `jikimi replay list` shows its progress")
    if other is None:
        live = await _summaries(settings, "verdicts", lambda update: update.key.decode(errors="replace") in after.posts)
        before = side(LIVE, live, after.posts)
    else:
        before = side(other.run_id, await _summaries(settings, Naming(settings, other.run_id).of("verdicts")))
    cases = {key.partition("/")[0] for key in await read_keys(settings)}
    wanted = [one for one in await _labels(settings) if one.case_id in cases] if labels else None
    return CompareRequest(run, other, of_cases(before, cases), of_cases(after, cases), wanted)


async def _summaries(
    settings: Settings, topic: str, wanted: Callable[[Update], bool] = lambda _: True
) -> list[VerdictSummary]:
    """Return the summaries of a topic's verdicts in order, without those that cannot be decoded."""
    found: list[VerdictSummary] = []
    codec = create_codec(settings)

    def add(updates: list[Update]) -> None:
        messages = (_decoded(codec, "verdicts", update) for update in updates if wanted(update))
        found.extend(summary(message) for message in messages if isinstance(message, Verdict))

    await read_each(settings, topic, add)
    return found


async def _labels(settings: Settings) -> list[Label]:
    found: list[Label] = []
    codec = create_codec(settings)

    def add(updates: list[Update]) -> None:
        messages = (_decoded(codec, "labels", update) for update in updates)
        found.extend(message for message in messages if isinstance(message, Label))

    await read_each(settings, "labels", add)
    return found


def _decoded(codec: Codec, topic: str, update: Update) -> Message | None:
    try:
        return codec.decode(topic, update.value or b"")
    except WireError:
        return None
