"""Order of the steps that are due together."""

from typing import Any, cast

import msgspec

from streams.delivery.platforms.registry import Platform
from streams.delivery.progress import Progress
from streams.delivery.timetable import Timetable
from tests.unit.delivery.made_delivery import PLATFORM, START, MadeStore

LOOK_DUE = Progress(state="issued", case_id="case-a", platform="platform", since=START)
NOTICE_DUE = msgspec.structs.replace(LOOK_DUE, checked=True)


async def begun(**progress: Progress) -> list[str]:
    """Return the takedowns whose steps are due, in the order in which they begin."""
    timetable = Timetable(cast("Any", MadeStore({})), lambda _: Platform.model_validate(PLATFORM))
    for name, of_it in progress.items():
        await timetable.save(name, of_it)
    return [found for _ in progress if (found := timetable.begin_due(START, lambda _: True)) is not None]


async def test_the_notice_of_a_minor_passes_the_looks_of_others_and_the_other_way_round() -> None:
    minor = msgspec.structs.replace(NOTICE_DUE, minor=True)
    assert await begun(look_1=LOOK_DUE, look_2=LOOK_DUE, minor=minor) == ["minor", "look_1", "look_2"]
    minor = msgspec.structs.replace(LOOK_DUE, minor=True)
    assert await begun(notice_1=NOTICE_DUE, notice_2=NOTICE_DUE, minor=minor) == ["minor", "notice_1", "notice_2"]


async def test_of_two_steps_the_one_whose_removal_is_due_earlier_comes_first() -> None:
    overdue = msgspec.structs.replace(NOTICE_DUE, first_at=START - 2, last_at=START - 90_000, due_at=START - 1)
    assert await begun(look=LOOK_DUE, overdue=overdue) == ["overdue", "look"]
