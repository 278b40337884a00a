"""Turns of fetches, in virtual time: hosts that answer, creep or keep silent, without sockets."""

import asyncio
from typing import Any

import pytest

from streams.decode.fetch.turns import NoRoomError, Share, Turns
from streams.decode.settings import MediaSettings
from streams.errors import RecordError, TransientError
from tests.support.virtual_time import run

SLOW_S, PATIENCE_S, MEDIUM = 10.0, 120.0, 1_000_000


def turns(**changes: Any) -> Turns:
    numbers: dict[str, Any] = {"max_fetches": 4, "max_bytes": MEDIUM, "disk_bytes": 100 * MEDIUM}
    return Turns(MediaSettings(**numbers | changes, slow_fetch_s=SLOW_S, fetch_timeout_s=PATIENCE_S))


async def fetch(
    turns: Turns,
    host: str,
    *,
    took_s: float = 1.0,
    share: Share | None = None,
    n_bytes: int = MEDIUM,
    keep_s: float = 0.0,
) -> float:
    """Fetch as the fetcher does; return when it ended."""
    async with turns.turn(host, share or Share()) as turn:
        try:
            async with asyncio.timeout(PATIENCE_S) as turn.timer:
                for _ in range(100):
                    await asyncio.sleep(took_s / 100)
                    turn.received_bytes += n_bytes // 100
        except TimeoutError:
            raise TransientError("link_slow" if turn.was_ended else "link_timeout", host) from None
        turns.finish(turn)
        await asyncio.sleep(keep_s)
        return asyncio.get_running_loop().time()


async def outcome(*arguments: Any, **changes: Any) -> float | str:
    """Return when the fetch ended, or the reason why it failed."""
    try:
        return round(await fetch(*arguments, **changes), 3)
    except RecordError as error:
        return error.reason
    except NoRoomError:
        return "no room"


def gathered(given: Turns, *fetches: dict[str, Any]) -> list[float | str]:
    async def trial() -> list[float | str]:
        return await asyncio.gather(*(outcome(given, **each) for each in fetches))

    return run(trial())


def test_one_host_has_at_most_half_of_the_turns() -> None:
    silent = [{"host": "silent", "took_s": 5.0}] * 8
    assert gathered(turns(), *silent, *[{"host": f"good-{n}"} for n in range(4)])[8:] == [1.0, 1.0, 2.0, 2.0]


def test_of_too_many_slow_fetches_the_slowest_ends() -> None:
    creeping = [{"host": f"creeping-{n}", "took_s": 100.0, "n_bytes": 100 * n} for n in (3, 1, 2)]
    film = {"host": "film", "took_s": 100.0}
    assert gathered(turns(), *creeping, film) == [100.0, "link_slow", "link_slow", 100.0]


def test_fast_hosts_wait_no_longer_than_slow_ones_are_given() -> None:
    silent = [{"host": f"silent-{n}", "took_s": 1e6, "n_bytes": 0} for n in range(4)]
    found = gathered(turns(), *silent, *[{"host": f"good-{n}"} for n in range(10)])
    assert found[4:] == [11.0, 11.0, 12.0, 12.0, 13.0, 13.0, 14.0, 14.0, 15.0, 15.0]
    assert sorted(map(str, found[:4])) == ["link_slow", "link_slow", "link_timeout", "link_timeout"]


def test_a_post_with_many_slow_links_comes_after_posts_that_have_wasted_nothing() -> None:
    share = Share()
    attack = [{"host": f"silent-{n}", "took_s": 1e6, "n_bytes": 0, "share": share} for n in range(16)]
    found = gathered(turns(), *attack, *[{"host": f"good-{n}"} for n in range(40)])
    assert max(float(each) for each in found[16:]) <= SLOW_S + 20


def test_a_post_whose_links_waste_time_gives_up_waiting() -> None:
    share = Share()
    attack = [{"host": "silent", "took_s": 1e6, "n_bytes": 0, "share": share} for n in range(16)]
    found = gathered(turns(max_fetches=1), *attack)
    assert found == ["link_timeout"] * 2 + ["link_slow"] * 14


def test_a_post_that_only_waits_behind_others_does_not_give_up() -> None:
    patient = [{"host": "busy", "took_s": 9.0} for _ in range(50)]
    assert gathered(turns(max_fetches=1), *patient) == [9.0 * (n + 1) for n in range(50)]


def test_the_disk_is_never_overdrawn_and_waiting_for_it_ends_when_media_are_done() -> None:
    given = turns(disk_bytes=2 * MEDIUM)
    assert gathered(given, *[{"host": f"good-{n}", "keep_s": 9.0} for n in range(6)]) == [
        10.0,
        10.0,
        20.0,
        20.0,
        30.0,
        30.0,
    ]
    assert given._free_bytes == 2 * MEDIUM


def test_a_declared_size_leaves_room_for_others() -> None:
    async def trial() -> None:
        given = turns(disk_bytes=MEDIUM + 10)
        async with given.turn("a", Share()) as small:
            given.declare(small, 10)
            async with given.turn("b", Share()) as other:
                assert other.reserved_bytes == MEDIUM

    run(trial())


@pytest.mark.parametrize("n_posts", [1, 2, 10])
def test_posts_larger_than_the_disk_do_not_block_each_other(n_posts: int) -> None:
    given = turns(disk_bytes=2 * MEDIUM)

    async def post(number: int) -> int:
        """Fetch sixteen media in waves, as decode does; return the number of waves."""
        left, n_waves, share = 16, 0, Share()
        while left:
            fetches = [outcome(given, f"host-{number}", share=share, keep_s=5.0) for _ in range(left)]
            left = (await asyncio.gather(*fetches)).count("no room")
            n_waves += 1
        return n_waves

    async def trial() -> list[int]:
        return await asyncio.gather(*map(post, range(n_posts)))

    assert all(n_waves >= 8 for n_waves in run(trial()))
    assert given._free_bytes == 2 * MEDIUM


def test_a_fetch_that_is_cancelled_gives_everything_back() -> None:
    async def trial() -> None:
        given = turns(max_fetches=1, disk_bytes=MEDIUM)
        running, waiting = (asyncio.create_task(fetch(given, host)) for host in ("a", "b"))
        await asyncio.sleep(0)
        for task in (waiting, running):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert await outcome(given, "c") == 1.0

    run(trial())
