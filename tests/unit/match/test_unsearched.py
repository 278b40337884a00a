"""What is left to search is known without a look at what was searched."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from streams.match.live_index import LiveIndex
from streams.match.progress import Progress
from streams.match.unsearched import Unsearched
from tests.unit.match.test_archive_search import Cases
from tests.unit.match.test_reference_index import COLUMNS, entry, piece, unit

PIECES = [entry(piece(unit(1, COLUMNS, seed=number), [0.0]), f"case-{number}") for number in range(12)]


class Rig:
    def __init__(self, folder: Path) -> None:
        self.progress, self.cases = Progress(folder / "progress"), Cases()
        self.live = LiveIndex(self.cases)  # type: ignore[arg-type]
        self.unsearched = Unsearched(self.progress, self.live)

    async def change(self, removed: list[int], added: list[int], offset: int) -> None:
        for number in removed:
            self.cases.keeper.erase(PIECES[number][0])
        for number in added:
            key, case, _ = PIECES[number]
            self.cases.keeper.put(key, case, offset)
        self.live.swapped.clear()
        self.cases.changed()
        await self.live.swapped.wait()

    async def run(self, steps: Callable[[], Awaitable[None]]) -> None:
        running = asyncio.create_task(self.live.run())
        await self.live.current()
        await steps()
        running.cancel()


async def test_after_any_changes_what_is_left_is_what_a_worker_that_starts_would_find(tmp_path: Path) -> None:
    rig, random = Rig(tmp_path), np.random.default_rng(5)
    rig.progress.mark_searched([1], "of before the start")

    async def steps() -> None:
        await rig.unsearched.erase_withdrawn()
        assert rig.progress.searched(1) == set()
        await rig.unsearched.begin(0)
        await rig.unsearched.begin(1)
        present: set[int] = set()
        for offset in range(40):
            chosen = set(random.choice(len(PIECES), 4, replace=False).tolist())
            await rig.change(list(chosen & present), list(chosen - present), offset)
            present ^= chosen
            for token in list(rig.unsearched.of([0, 1]))[::2]:
                await rig.unsearched.mark_searched([int(random.integers(2))], token)
            await rig.unsearched.erase_withdrawn()
            tokens = (await rig.live.current()).pieces.keys()
            left = {token: {one for one in (0, 1) if token not in rig.progress.searched(one)} for token in tokens}
            assert rig.unsearched.of([0, 1]) == {token: partitions for token, partitions in left.items() if partitions}
            assert rig.progress.searched(0) | rig.progress.searched(1) <= set(tokens)
            assert rig.unsearched.n_references == len(present)

    await rig.run(steps)


async def test_a_piece_that_was_searched_is_asked_for_no_more(tmp_path: Path) -> None:
    rig = Rig(tmp_path)

    async def steps() -> None:
        await rig.change([], [0, 1, 2], 0)
        await rig.unsearched.begin(0)
        tokens = list(rig.unsearched.of([0]))
        for token in tokens:
            await rig.unsearched.mark_searched([0], token)
        assert rig.unsearched._left == {0: set()}
        await rig.change([0], [3], 1)
        ((_, partitions),) = rig.unsearched.of([0]).items()
        assert partitions == {0}

    await rig.run(steps)
