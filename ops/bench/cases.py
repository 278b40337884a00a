"""Cost of a post by the number of references: ``python -m ops.bench.cases [--references 10 100 1000] [--json FILE]``.

Made vectors (ops/bench/made_vectors.py): every reference has pictures and sound and is a case of its own. A post is one
segment of 60 s; one of five is an edited copy of a reference. Each size is measured in a fresh process with one thread;
the times are of the processor. Also: the memory of a matcher for a minute of reference, the cost of opening one more
case, and of withdrawing one. Memory is anonymous memory, so without pages of files that the system keeps, and includes
what the process keeps of its allocations.

For 100,000 references use `--seconds 6`, so that they fit a small machine.
"""

import argparse
import asyncio
import gc
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ops.bench.made_records import made_descriptors, made_piece
from ops.bench.made_vectors import Made
from ops.bench.one_process import alone, anonymous_bytes, fail, nothing
from schemas.codec import Codec
from schemas.messages import Case, Policy, Reference
from streams.cases.entries import case_key, reference_key
from streams.cases.open_cases import OpenCases
from streams.engine.freed_memory import release_freed, use_one_arena
from streams.kafka.topic_reader import Update
from streams.match.live_index import LiveIndex
from streams.settings import load_settings

_NOW = datetime.now(UTC)
_POLICY = Policy(act=0.95, review=0.5, version="act=0.95,review=0.5")
_POST_S = 60
_COPIES = 5
"""One post of so many is a copy."""
_SMALLEST = 10
_FOUND = 0.5
"""Score of a reference that is found."""
_THOUSAND = 1_000


def main() -> None:
    """Measure each size and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--references", type=int, nargs="+", default=[10, 100, 1_000])
    parser.add_argument("--seconds", type=int, default=60, help="length of a reference")
    parser.add_argument("--posts", type=int, default=20)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    figures = []
    for number in given.references:
        figures.append(alone(measure, number, given.seconds, given.posts))
        sys.stdout.write(json.dumps(figures[-1]) + "\n")
    ratios = _ratios(figures)
    sys.stdout.write(json.dumps(ratios) + "\n")
    if given.json:
        given.json.write_text(json.dumps({"cases": {"sizes": figures} | ratios}, indent=1))


def measure(number: int, seconds: int, posts: int) -> dict[str, Any]:
    """Return the figures of one size; run it in a process of its own."""
    use_one_arena()  # as a worker does
    return asyncio.run(_Matcher(number, seconds).measure(posts))


class _Matcher:
    """What a match worker has of the cases, without a broker."""

    def __init__(self, number: int, seconds: int) -> None:
        self._made, self._number, self._seconds = Made(), number, seconds
        self._codec = Codec()
        self._cases = OpenCases(load_settings(bootstrap_servers="127.0.0.1:9"), self._codec, fail)
        self._cases.start = nothing  # type: ignore[method-assign]
        self._live = LiveIndex(self._cases, Path(tempfile.mkdtemp()))  # stays empty: the file in it has no name

    async def measure(self, posts: int) -> dict[str, Any]:
        self._open(0)
        gc.collect()
        release_freed()  # what the imports have freed would be filled before the process grows
        before = anonymous_bytes()
        for number in range(1, self._number):
            self._open(number)
        start_s = time.process_time()
        running = asyncio.create_task(self._live.run())
        await self._live.current()
        built_s = time.process_time() - start_s
        gc.collect()
        kept = (anonymous_bytes() - before) / max(1, self._number - 1)
        opened_s, withdrawn_s = await self._change()
        found = [await self._post(post) for post in range(posts)]
        running.cancel()
        return {
            "references": self._number,
            "seconds": self._seconds,
            "build_s": round(built_s, 2),
            "bytes_a_minute": round(kept * 60 / self._seconds),
            "open_ms": round(1000 * opened_s, 1),
            "withdraw_ms": round(1000 * withdrawn_s, 1),
            "visual_ms": round(1000 * float(np.mean([one[0] for one in found])), 1),
            "audio_ms": round(1000 * float(np.mean([one[1] for one in found])), 1),
            "found": round(float(np.mean([one[2] for one in found if one[2] is not None])), 3),
            "wrong": sum(one[3] for one in found),
        }

    async def _change(self) -> tuple[float, float]:
        """Return the seconds until one more case, and one less, is in the index."""
        times = []
        for apply in (self._open, self._withdraw):
            start_s = time.process_time()
            self._live.swapped.clear()
            apply(self._number)
            await self._live.swapped.wait()
            times.append(time.process_time() - start_s)
        return times[0], times[1]

    async def _post(self, post: int) -> tuple[float, float, bool | None, int]:
        """Return the seconds of both searches, whether the copied reference is found, and wrong ones."""
        index = await self._live.current()
        copied = None if post % _COPIES else int(np.random.default_rng(post).integers(self._number))
        pictures = None if copied is None else self._made.pictures(copied, self._seconds)
        sounds = None if copied is None else self._made.sounds(copied, self._seconds)
        seconds = _POST_S if copied is None else self._seconds
        spent, found = [], []
        for modality, described in (
            ("visual", self._made.post_pictures(seconds, post, pictures)),
            ("audio", self._made.post_sounds(seconds, post, sounds)),
        ):
            query = made_descriptors(modality, *described, _POST_S)  # type: ignore[arg-type]
            start_s = time.process_time()
            found.append(index.search(query))
            spent.append(time.process_time() - start_s)
        scores = [{match.case_id: match.score for match in matches} for matches in found]
        wrong = sum(score > _FOUND for one in scores for case, score in one.items() if case != f"case-{copied}")
        right = None if copied is None else all(one.get(f"case-{copied}", 0.0) > _FOUND for one in scores)
        return spent[0], spent[1], right, wrong

    def _open(self, number: int) -> None:
        policy = Case(case_id=f"case-{number}", name="", opened_at=_NOW, policy=_POLICY)
        self._apply(case_key(policy.case_id), policy)
        for piece in self._pieces(number):
            entry = Case(case_id=policy.case_id, name="", opened_at=_NOW, reference=piece)
            self._apply(reference_key(policy.case_id, piece), entry)

    def _withdraw(self, number: int) -> None:
        case_id = f"case-{number}"
        keys = [case_key(case_id), *(reference_key(case_id, piece) for piece in self._pieces(number))]
        self._cases.apply([Update(key.encode(), None, 0, number) for key in keys])

    def _apply(self, key: str, entry: Case) -> None:
        self._cases.apply([Update(key.encode(), self._codec.encode("cases", entry), 0, 0)])

    def _pieces(self, number: int) -> Iterator[Reference]:
        yield made_piece("visual", *self._made.pictures(number, self._seconds), self._seconds)
        yield made_piece("audio", *self._made.sounds(number, self._seconds), self._seconds)


def _ratios(figures: list[dict[str, Any]]) -> dict[str, Any]:
    cost = {one["references"]: one["visual_ms"] + one["audio_ms"] for one in figures}
    if _SMALLEST not in cost:
        return {}
    return {f"ratio_{_short(number)}": round(cost[number] / cost[_SMALLEST], 2) for number in cost}


def _short(number: int) -> str:
    return str(number) if number < _THOUSAND else f"{number // _THOUSAND}k"


if __name__ == "__main__":
    main()
