"""Cases that wait for their second person, as the monitor counts them, without a broker."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
import pytest
from prometheus_client import REGISTRY

from schemas.codec import Codec
from schemas.messages import Case, Standing
from streams.monitor.open_cases import OpenCases
from streams.monitor.waiting_cases import WaitingCases
from streams.settings import load_settings
from tests.unit.made_messages import POLICY

_CODEC, _NOW = Codec(), datetime(2026, 3, 1, tzinfo=UTC)
_FOUR_EYES = msgspec.structs.replace(POLICY, four_eyes=True)


class Followed(NamedTuple):
    """The two topics of the rule."""

    cases: OpenCases
    waiting: WaitingCases

    def open(self, case_id: str, hours: int, *, four_eyes: bool = True) -> None:
        policy = _FOUR_EYES if four_eyes else POLICY
        opened_at = _NOW - timedelta(hours=hours)
        case = Case(case_id=case_id, name="violet", opened_at=opened_at, policy=policy, opened_by="mina")
        self.cases.apply(case_id.encode(), _CODEC.encode("cases", case))

    def add(self, case_id: str, *references: str, is_there: bool = True) -> None:
        """Add a piece of each reference, or erase it; its value is never decoded."""
        for reference in references:
            self.cases.apply(f"{case_id}/{reference}/visual/0/m@1".encode(), b"vectors" if is_there else None)

    def confirm(self, case_id: str, account: str, *references: str) -> None:
        standing = Standing(case_id=case_id, reference_id="", standing="confirmed", why="hers", by="p", at=_NOW,
                            account=account, references=list(references))  # fmt: skip
        self.waiting.apply(case_id.encode(), _CODEC.encode("standings", standing))

    def figures(self) -> tuple[float | None, float | None, float | None]:
        """Return the metrics: open cases, those that wait, and the hours since the oldest of these was opened."""
        self.cases.set_metrics()
        self.waiting.set_metrics(_NOW.timestamp())
        value = REGISTRY.get_sample_value
        age_s = value("jikimi_unconfirmed_case_age_seconds")
        return value("jikimi_open_cases"), value("jikimi_unconfirmed_cases"), age_s and age_s / 3600


@pytest.fixture(params=[False, True], ids=["where asked", "always"])
def followed(request: pytest.FixtureRequest) -> Iterator[Followed]:
    settings = load_settings(bootstrap_servers="127.0.0.1:9", four_eyes=request.param)
    with closing(OpenCases(settings)) as cases, closing(WaitingCases(settings, cases)) as waiting:
        yield Followed(cases, waiting)


def test_a_case_waits_until_another_than_its_opener_confirms_it(followed: Followed) -> None:
    followed.add("a", "r1", "r2")
    followed.open("a", hours=5)
    followed.open("b", hours=9)
    assert followed.figures() == (2, 1, 5), "one without references has nothing to confirm"
    followed.confirm("a", "mina", "r1", "r2")
    assert followed.figures() == (2, 1, 5)
    followed.confirm("a", "june", "r1", "r2")
    assert followed.figures() == (2, 0, 0)


def test_a_reference_that_is_added_later_waits_until_it_is_erased(followed: Followed) -> None:
    followed.open("a", hours=5)
    followed.add("a", "r1")
    followed.confirm("a", "june", "r1")
    followed.add("a", "r2")
    assert followed.figures() == (1, 1, 5)
    followed.add("a", "r2", is_there=False)
    assert followed.figures() == (1, 0, 0)


def test_a_closed_case_and_a_withdrawn_confirmation_are_followed(followed: Followed) -> None:
    for case_id, hours in (("a", 5), ("b", 2)):
        followed.open(case_id, hours)
        followed.add(case_id, "r1")
    followed.cases.apply(b"a", None)
    assert followed.figures() == (1, 1, 2)
    followed.confirm("b", "june", "r1")
    followed.waiting.apply(b"b", None)
    assert followed.figures() == (1, 1, 2)


def test_the_rule_counts_for_the_cases_that_ask_for_it_or_all(followed: Followed) -> None:
    followed.open("a", hours=5, four_eyes=False)
    followed.add("a", "r1")
    is_always = followed.waiting._always
    assert followed.figures()[1] == (1 if is_always else 0)


def test_nothing_is_left_when_a_topic_is_read_again(followed: Followed) -> None:
    followed.open("a", hours=5)
    followed.add("a", "r1")
    followed.confirm("a", "june", "r1")
    assert followed.figures() == (1, 0, 0)
    followed.waiting.clear()
    assert followed.figures() == (1, 1, 5)
    followed.cases.clear()
    assert followed.figures() == (0, 0, 0)


def test_what_cannot_be_decoded_changes_nothing(followed: Followed) -> None:
    followed.open("a", hours=5)
    followed.add("a", "r1")
    followed.cases.apply(b"x", b"broken")
    followed.waiting.apply(b"a", b"broken")
    assert followed.figures() == (1, 1, 5)
