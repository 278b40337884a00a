"""What a run is to do, checked before anything is written: every mistake is one line."""

import asyncio
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import NamedTuple

import msgspec

from models.registry import Registry
from schemas.codec import Codec
from schemas.messages import Case, Choice, Run, RunKind
from streams.errors import UsageError
from streams.kafka.compacted_topic import decode_or_refuse
from streams.kafka.topic_reader import read_latest
from streams.live_models.deployments import read_history
from streams.live_models.selection import change_choice, default_choice
from streams.replay.checks import check_described, check_readable, check_same, check_source
from streams.replay.naming import SOURCES, Naming, read_topics
from streams.replay.runs import read_runs
from streams.replay.span import Look, Span, instant, is_relative
from streams.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person wants of a run.

    Attributes
    ----------
    source
        Topic to start from; None goes on with a run as it was started.
    since, until
        As `instant` reads them.
    changes
        To the live choice of models, as `change_choice` reads them.
    max_rate
        Records a second; 0 is no limit.
    threads
        Records worked on at once.
    """

    run_id: str
    kind: RunKind
    source: str | None = None
    since: str | None = None
    until: str | None = None
    changes: str = ""
    share: float = 1.0
    max_rate: float = 0.0
    threads: int = len(os.sched_getaffinity(0))


class Planned(NamedTuple):
    """A run, and whether it was never started before."""

    run: Run
    is_new: bool


async def plan(settings: Settings, asked: Asked, registry: Registry, codec: Codec) -> Planned:
    """Return the run that was asked for: as it was started, if it was.

    Raises
    ------
    UsageError, ModelError
        It cannot be done, or it was started with other arguments.
    """
    naming = Naming(settings, asked.run_id)
    known = (await read_runs(settings)).get(asked.run_id)
    if asked.source is None:
        if known is None or known.run.kind != asked.kind:
            raise UsageError(f"no {asked.kind} {asked.run_id} to go on with: start one with --from {'|'.join(SOURCES)}")
        return Planned(known.run, is_new=False)
    live = (await read_history(settings, default_choice(registry, settings))).live
    run = _asked_run(asked, asked.source, change_choice(live, asked.changes, registry))
    if known is not None:
        check_same(known.run, run, times=not (is_relative(asked.since) or is_relative(asked.until)))
        return Planned(known.run, is_new=False)
    changed = check_source(asked.source, live, run.choice)
    check_described(await _cases(settings, codec), run.choice, changed)
    span = await asyncio.to_thread(_span, settings, run)
    if span.ends:
        await asyncio.to_thread(check_readable, settings, naming, codec, span)
    starts, ends = ({str(place): offset for place, offset in offsets.items()} for offsets in span)
    return Planned(msgspec.structs.replace(run, starts=starts, ends=ends), is_new=True)


def _asked_run(asked: Asked, source: str, choice: Choice) -> Run:
    if source not in SOURCES:
        raise UsageError(f"nothing can be replayed from {source!r}: there are {', '.join(SOURCES)}")
    if not 0 < asked.share <= 1:
        raise UsageError(f"a share of {asked.share:g}: say 0.1 for a tenth of the posts")
    now = datetime.now(UTC)
    since, until = (instant(text, now) if text else None for text in (asked.since, asked.until))
    if since is not None and until is not None and since >= until:
        raise UsageError(f"nothing lies between {asked.since} and {asked.until}")
    return Run(
        run_id=asked.run_id,
        kind=asked.kind,
        source=source,
        since=since,
        until=until,
        choice=choice,
        starts={},
        share=asked.share,
        code=version("jikimi"),
        started_at=now,
    )


def _span(settings: Settings, run: Run) -> Span:
    look, topics = Look(settings), read_topics(run.source)
    return Span(look.ends(topics), {}) if run.kind == "shadow" else look.span(topics, run.since, run.until)


async def _cases(settings: Settings, codec: Codec) -> list[Case]:
    """Return the open cases' entries that can be read."""
    entries = [decode_or_refuse(codec, "cases", update) for update in (await read_latest(settings, "cases")).values()]
    return [entry for entry in entries if isinstance(entry, Case)]
