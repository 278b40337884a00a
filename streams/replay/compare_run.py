"""`jikimi replay compare`: read both sides, compare, write page and JSON."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from schemas.codec import WireError
from schemas.messages import Label, Verdict
from streams.errors import UsageError
from streams.kafka.codec_factory import create_codec
from streams.kafka.topic_reader import Update, read_each
from streams.replay.comparison import LIVE, Asked, Comparison, compare
from streams.replay.decision import DEFAULT, read_thresholds
from streams.replay.differences import Judgement, judgement, side
from streams.replay.naming import Naming
from streams.replay.report import page
from streams.replay.runs import read_run
from streams.settings import Settings


class Where(NamedTuple):
    """Where the results go."""

    folder: Path
    json_file: Path | None = None


def compare_run(
    settings: Settings,
    run_id: str,
    where: Where,
    *,
    against: str | None = None,
    labels: bool = False,
    thresholds: Path | None = None,
) -> Comparison:
    """Compare a run with what went live, or with another run, and write page and JSON.

    Raises
    ------
    UsageError
        There is no such run, it has judged nothing, the thresholds cannot be read, or the folder cannot be written.
    """
    allowed = read_thresholds(thresholds or DEFAULT)
    try:
        where.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{where.folder}: {error.strerror}") from error
    asked = asyncio.run(_read(settings, run_id, against, labels=labels))
    found = compare(asked, allowed, datetime.now(UTC))
    (where.folder / f"{run_id}.html").write_text(page(found))
    content = msgspec.json.format(msgspec.json.encode(found), indent=1)
    (where.json_file or where.folder / f"{run_id}.json").write_bytes(content + b"\n")
    return found


async def _read(settings: Settings, run_id: str, against: str | None, *, labels: bool) -> Asked:
    run = (await read_run(settings, run_id)).run
    other = (await read_run(settings, against)).run if against is not None else None
    mine = await _judgements(settings, Naming(settings, run_id).of("verdicts"))
    after = side(run_id, mine)
    if not after.posts:
        raise UsageError(f"{run_id} has judged nothing yet: `jikimi replay list` shows how far it is")
    if other is None:
        before = side(LIVE, await _judgements(settings, "verdicts", _of(after.posts)), after.posts)
    else:
        before = side(other.run_id, await _judgements(settings, Naming(settings, other.run_id).of("verdicts")))
    return Asked(run, other, before, after, await _labels(settings) if labels else None)


def _of(posts: frozenset[str]) -> Callable[[Update], bool]:
    return lambda update: update.key.decode(errors="replace") in posts


async def _judgements(
    settings: Settings, topic: str, wanted: Callable[[Update], bool] = lambda _: True
) -> list[Judgement]:
    """Return what is compared of a topic's verdicts, in their order; one that cannot be read is left out."""
    found: list[Judgement] = []
    decode = _decoder(settings, "verdicts")

    def take(updates: list[Update]) -> None:
        messages = [decode(update) for update in updates if wanted(update)]
        found.extend(judgement(message) for message in messages if isinstance(message, Verdict))

    await read_each(settings, topic, take)
    return found


async def _labels(settings: Settings) -> list[Label]:
    found: list[Label] = []
    decode = _decoder(settings, "labels")

    def take(updates: list[Update]) -> None:
        found.extend(label for label in map(decode, updates) if isinstance(label, Label))

    await read_each(settings, "labels", take)
    return found


def _decoder(settings: Settings, topic: str) -> Callable[[Update], Any]:
    codec = create_codec(settings)

    def decode(update: Update) -> Any:  # noqa: ANN401 - a message, or None
        try:
            return codec.decode(topic, update.value or b"")
        except WireError:
            return None

    return decode
