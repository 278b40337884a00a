"""Plan of a run, checked before anything is written; each error is one line."""

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
from streams.kafka.whole_topic import read_latest
from streams.live_models.deployments import read_history
from streams.live_models.selection import change_choice, default_choice
from streams.replay.checks import check_described, check_readable, check_same, check_source
from streams.replay.naming import SOURCES, Naming, read_topics
from streams.replay.runs import read_runs
from streams.replay.span import OffsetQuery, Span, is_relative, parse_time
from streams.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Arguments of a run.

    Attributes
    ----------
    source
        Topic to start from; None continues a run with the arguments it was started with.
    since, until
        Times in the format of `parse_time`.
    changes
        Changes to the live models, in the format of `change_choice`.
    share
        Share of the posts to process, above 0 and up to 1.
    max_rate
        Records a second; 0 means no limit.
    threads
        Records processed at once.
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
    """A run, and whether it is new."""

    run: Run
    is_new: bool


async def plan(settings: Settings, request: RunRequest, registry: Registry, codec: Codec) -> Planned:
    """Return the run of a request: the stored one if it was started before.

    Raises
    ------
    UsageError, ModelError
        The request is refused, or the run was started with other arguments.
    """
    naming = Naming(settings, request.run_id)
    stored = (await read_runs(settings)).get(request.run_id)
    if request.source is None:
        if stored is None or stored.run.kind != request.kind:
            raise UsageError(
                f"no {request.kind} {request.run_id} to continue: start one with --from {'|'.join(SOURCES)}"
            )
        return Planned(stored.run, is_new=False)
    live = (await read_history(settings, default_choice(registry, settings))).live
    run = _requested_run(request, request.source, change_choice(live, request.changes, registry))
    if stored is not None:
        check_same(stored.run, run, times=not (is_relative(request.since) or is_relative(request.until)))
        return Planned(stored.run, is_new=False)
    changed = check_source(request.source, live, run.choice)
    check_described(await _cases(settings, codec), run.choice, changed)
    span = await asyncio.to_thread(_span, settings, run)
    if span.ends:
        await asyncio.to_thread(check_readable, settings, naming, codec, span)
    starts, ends = ({str(partition): offset for partition, offset in offsets.items()} for offsets in span)
    return Planned(msgspec.structs.replace(run, starts=starts, ends=ends), is_new=True)


def _requested_run(request: RunRequest, source: str, choice: Choice) -> Run:
    if source not in SOURCES:
        raise UsageError(f"cannot replay from {source!r}: use one of {', '.join(SOURCES)}")
    if not 0 < request.share <= 1:
        raise UsageError(
            f"a share of {request.share:g}: use a share above 0 and up to 1, such as 0.1 for a tenth of the posts"
        )
    now = datetime.now(UTC)
    since, until = (parse_time(text, now) if text else None for text in (request.since, request.until))
    if since is not None and until is not None and since >= until:
        raise UsageError(f"--since {request.since} is not before --until {request.until}")
    return Run(
        run_id=request.run_id,
        kind=request.kind,
        source=source,
        since=since,
        until=until,
        choice=choice,
        starts={},
        share=request.share,
        code=version("jikimi"),
        started_at=now,
    )


def _span(settings: Settings, run: Run) -> Span:
    query, topics = OffsetQuery(settings), read_topics(run.source)
    return Span(query.ends(topics), {}) if run.kind == "shadow" else query.span(topics, run.since, run.until)


async def _cases(settings: Settings, codec: Codec) -> list[Case]:
    """Return the entries of the open cases, without those that cannot be decoded."""
    entries = [decode_or_refuse(codec, "cases", update) for update in (await read_latest(settings, "cases")).values()]
    return [entry for entry in entries if isinstance(entry, Case)]
