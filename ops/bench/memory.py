"""Memory of the takedown and fusion stages' state, and the work of one round of the reconciler; no broker.

python -m ops.bench.memory [--takedowns 20000 200000 1000000] [--cases 2000] [--json FILE]

Takedowns and cases are synthetic: a takedown has evidence of two references, a url of its own and an account of five
posts; a case has one reference of five minutes, a picture a second. Each size is measured in a fresh process.
The times are of the processor; a million takedowns take some minutes.
"""

import argparse
import asyncio
import json
import tempfile
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import cache
from itertools import batched
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import msgspec
import numpy as np

from ops.bench.made_records import made_piece
from ops.bench.one_process import fail, nothing, resident_bytes
from schemas.codec import Codec
from schemas.ids import record_id
from schemas.messages import Case, Evidence, Interval, Policy, PostRef, Standing, Takedown
from streams.cases.entries import case_key, reference_key
from streams.cases.open_cases import OpenCases
from streams.cases.reference_reviews import ReferenceReviews, standing_key
from streams.engine.context import Context
from streams.kafka.partitions import partition_of
from streams.kafka.topic_reader import Update
from streams.match.piece_table import PieceTable
from streams.settings import load_settings
from streams.takedown.index import CACHE_BYTES
from streams.takedown.life import chained
from streams.takedown.log import TakedownLog
from streams.takedown.quarantine import Quarantine
from streams.takedown.reconciler import Reconciler

_NOW = datetime.now(UTC)
_SPAN = Interval(start_s=0.0, end_s=30.0)
_POLICY = Policy(act=0.95, review=0.5, version="act=0.95,review=0.5")
_N_CASES, _PER_ACCOUNT, _OF_ONE_REVIEW = 100, 5, 50
_SECONDS, _COLUMNS = 300, 512


def main() -> None:
    """Run the bench and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takedowns", type=int, nargs="+", default=[20_000, 200_000, 1_000_000])
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        figures = {
            "takedowns": [pool.submit(measure_takedowns, number).result() for number in arguments.takedowns],
            "cases": [pool.submit(measure_cases, arguments.cases, matcher).result() for matcher in (False, True)],
        }
    text = json.dumps(figures, indent=2)
    print(text)  # noqa: T201
    if arguments.json:
        arguments.json.write_text(text + "\n")


def measure_takedowns(number: int) -> dict[str, float]:
    """Return the memory of a log of so many takedowns, and the time of the reconciler's rounds, seconds."""
    return asyncio.run(_measure_takedowns(number))


async def _measure_takedowns(number: int) -> dict[str, float]:
    stage = _Stage()
    before, applied_s = resident_bytes(), 0.0
    for events in batched(enumerate(map(stage.event, range(number))), 1000):
        start_s = time.process_time()
        for offset, event in events:
            stage.log.apply(event, 0, offset)
        applied_s += time.process_time() - start_s
    index_bytes = stage.log.size_bytes
    resident = resident_bytes() - before
    if stage.log.entry(_event(number - 1).takedown_id) is None:
        raise RuntimeError("the log has not applied the events: their hash or signature is wrong")
    first_s = await stage.round()
    idle_s = await stage.round()
    reads = stage.reads
    stage.review("r-rare")
    one_s = await stage.round()
    return {
        "takedowns": number,
        "bytes_a_takedown": round(index_bytes / number, 1),
        "in_memory_at_most_mib": round(min(index_bytes, CACHE_BYTES) / 2**20, 1),
        "resident_mib": round(resident / 2**20, 1),
        "apply_us": round(applied_s / number * 1e6, 1),
        "check_of_new_partitions_s": round(first_s, 4),
        "round_without_change_s": round(idle_s, 6),
        "round_after_one_review_s": round(one_s, 4),
        "events_read_after_one_review": stage.reads - reads,
        "withdrawn": stage.written,
    }


class _Stage:
    """The state of a takedown stage without a broker; events are made again where the stage reads its topic."""

    def __init__(self) -> None:
        self.reads = self.written = 0
        settings, codec = load_settings(bootstrap_servers="127.0.0.1:9"), Codec()
        cases = OpenCases(settings, codec, fail)
        for case in range(_N_CASES):
            entry = Case(case_id=f"case-{case}", name="", opened_at=_NOW, policy=_POLICY)
            cases.apply([Update(case_key(entry.case_id).encode(), codec.encode("cases", entry), 0, case)])
        fields = {
            "settings": settings,
            "codec": codec,
            "cases": cases,
            "physical": str,
            "crash": fail,
            "send": self._send,
            "retry_while_unreachable": lambda step: step(),
            "owned": lambda _: set(range(8)),
            "generation": lambda: 1,
            "partition_of_hash": lambda _, hashed: partition_of(hashed, 8),
        }
        context = cast("Context", SimpleNamespace(**fields))
        self.log = TakedownLog(context)
        self.log._events.read = self._read  # type: ignore[method-assign]  # noqa: SLF001 - there is no topic
        self._reviews = ReferenceReviews(settings, codec, fail)
        self._quarantine = Quarantine(self.log, self._reviews, settings.quarantine_posts)
        self._quarantine.current = nothing  # type: ignore[method-assign]
        self._reconciler = Reconciler(context, self.log, self._quarantine)
        self._reconciler._following = True  # noqa: SLF001 - as after its start

    def event(self, number: int) -> Takedown:
        """Return an event as the stage writes it, with its hash and the signature of this process."""
        return self.log.signed(chained(_event(number), None))

    async def round(self) -> float:
        """Return the processor time of one round of the reconciler, seconds."""
        start_s = time.process_time()
        await self._reconciler._check_assigned()  # noqa: SLF001 - a round without its wait
        await self._reconciler._follow_changes()  # noqa: SLF001
        return time.process_time() - start_s

    def review(self, reference_id: str) -> None:
        """Withdraw a reference of the first case."""
        review = Standing(
            case_id="case-0", reference_id=reference_id, standing="withdrawn", why="", by="bench", at=_NOW
        )
        value = Codec().encode("standings", review)
        self._reviews.apply([Update(standing_key("case-0", reference_id).encode(), value, 0, 0)])

    async def _read(self, partition: int, offset: int) -> Takedown:  # noqa: ARG002 - the reader's signature
        self.reads += 1
        return self.event(offset)

    async def _send(self, *_: object) -> None:
        self.written += 1


def _event(number: int) -> Takedown:
    name = str(UUID(int=hash((number, "takedown")) % 2**128))
    rare = number % _N_CASES == 0 and number < _N_CASES * _OF_ONE_REVIEW
    references = ["r-rare"] if rare else ["r-main", f"r-{number % 97}"]
    post = PostRef(
        post_id=name,
        platform="demo",
        url=f"https://example.org/{number}",
        author=f"a{number // _PER_ACCOUNT}",
        published_at=_NOW,
        seen_at=_NOW,
    )
    return Takedown(
        event_id=name,
        takedown_id=record_id("takedown", name),
        state="issued",
        post=post,
        case_id=f"case-{number % _N_CASES}",
        verdict_id=name,
        probability=0.99,
        act_at=0.95,
        policy_version=_POLICY.version,
        evidence=[_evidence(reference_id) for reference_id in references],
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@cache
def _evidence(reference_id: str) -> Evidence:
    return Evidence(
        modality="visual",
        model="m",
        version="1",
        reference_id=reference_id,
        medium=0,
        score=0.9,
        probability=0.99,
        query=_SPAN,
        reference=_SPAN,
    )


def measure_cases(number: int, matcher: bool) -> dict[str, Any]:
    """Return the memory of so many cases, in a worker that matches or in one that does not."""
    folder = tempfile.mkdtemp()  # stays empty: the file in it has no name
    cases = OpenCases(load_settings(bootstrap_servers="127.0.0.1:9"), Codec(), fail)
    if matcher:
        cases.keep_references(PieceTable(Path(folder)))
    _open_case(cases, "first")
    tracemalloc.start()
    for case in range(number):
        _open_case(cases, str(UUID(int=case * 2**64)))
    kept, _ = tracemalloc.get_traced_memory()
    return {"cases": number, "stage": "match" if matcher else "fusion", "bytes_a_case": round(kept / number)}


def _open_case(cases: OpenCases, case_id: str) -> None:
    zeros = np.zeros((_SECONDS, _COLUMNS), np.float32)
    reference = made_piece("visual", zeros, np.arange(_SECONDS, dtype=np.float64), _SECONDS)
    policy = Case(case_id=case_id, name="", opened_at=_NOW, policy=_POLICY)
    piece = msgspec.structs.replace(policy, policy=None, reference=reference)
    for key, entry in ((case_key(case_id), policy), (reference_key(case_id, reference), piece)):
        cases.apply([Update(key.encode(), Codec().encode("cases", entry), 0, 0)])


if __name__ == "__main__":
    main()
