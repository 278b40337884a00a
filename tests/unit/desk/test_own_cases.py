"""Rights that concern own cases, and the second person at the desk."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import numpy as np
import pytest

from schemas.matrix import pack
from schemas.messages import Case, Message, Reference, Standing
from streams.cases.reference_reviews import standing_key
from streams.desk import confirm_case as confirming
from streams.desk import own_cases
from streams.desk.confirm_case import CaseConfirmation, confirm_case, waiting_without_opener, waits
from streams.desk.own_cases import require_any, require_case, require_case_or_takedown, require_takedown, visible_cases
from streams.errors import UsageError
from streams.rights.person import Person
from streams.rights.settings import Role
from streams.settings import load_settings
from tests.unit.made_messages import NOW, POLICY, takedown

ASKED = msgspec.structs.replace(POLICY, four_eyes=True)
CASES = {
    name: [Case(case_id=name, name="", opened_at=NOW, policy=ASKED, opened_by=owner)]
    for name, owner in {"case-a": "kim", "case-b": "lee", "case-old": ""}.items()
}
PIECE = Reference(
    reference_id="r1",
    segment=0,
    modality="visual",
    model="m",
    version="1",
    start_s=0.0,
    duration_s=0.0,
    vectors=pack(np.zeros((1, 4), np.float32)),
    times_s=[0.0],
)
CASES["case-old"].append(Case(case_id="case-old", name="", opened_at=NOW, reference=PIECE))
EVENT = takedown(takedown_id="t1", case_id="case-b")
SETTINGS = load_settings(four_eyes=False)


def kim(*roles: Role) -> Person:
    return Person("kim", frozenset(roles))


@pytest.fixture(autouse=True)
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, Message]:
    """Serve the cases and one takedown without a broker, and return what is written."""
    found: dict[str, Message] = {}

    async def read_all(_: object) -> dict[str, list[Case]]:
        return CASES

    async def read_one(_: object, case_id: str) -> list[Case]:
        return CASES[case_id]

    async def read_events(*_: object) -> list[object]:
        return [EVENT]

    async def read_none(_: object) -> dict[str, Standing]:
        return {}

    class Writer:
        def write(self, topic: str, key: str, message: Message) -> None:
            found[f"{topic}:{key}"] = message

    @contextmanager
    def writing(_: object) -> Iterator[Writer]:
        yield Writer()

    monkeypatch.setattr(own_cases, "read_cases", read_all)
    monkeypatch.setattr(own_cases, "read_messages", read_events)
    monkeypatch.setattr(confirming, "read_cases", read_all)
    monkeypatch.setattr(confirming, "read_case", read_one)
    monkeypatch.setattr(confirming, "read_reviews", read_none)
    monkeypatch.setattr(confirming, "writing", writing)
    return found


def test_an_officer_sees_and_withdraws_own_cases_only() -> None:
    require_case(SETTINGS, kim("officer"), "withdraw", "case-a")
    for other in ("case-b", "case-old", "no-such"):
        with pytest.raises(UsageError, match="another's"):
            require_case(SETTINGS, kim("officer"), "withdraw", other)
    assert visible_cases(SETTINGS, kim("officer"), "read") == frozenset({"case-a"})
    assert visible_cases(SETTINGS, kim("officer", "auditor"), "read") is None
    with pytest.raises(UsageError, match="--case"):
        require_any(kim("officer"), "read", None)


def test_a_takedown_belongs_to_its_case() -> None:
    require_takedown(SETTINGS, kim("reviewer"), "send", "t1")
    for check in (require_takedown, require_case_or_takedown):
        with pytest.raises(UsageError, match="another's"):
            check(SETTINGS, kim("officer"), "evidence", "t1")
    require_case_or_takedown(SETTINGS, kim("officer"), "evidence", "case-a")


def test_the_opener_cannot_confirm_whatever_the_pseudonym_and_another_can(written: dict[str, Message]) -> None:
    with pytest.raises(UsageError, match="kim opened case-a"):
        confirm_case(SETTINGS, CaseConfirmation("case-a", "kim", "ann", "seen"))
    assert written == {}
    confirm_case(SETTINGS, CaseConfirmation("case-b", "kim", "ann", "seen"))
    (standing,) = written.values()
    assert isinstance(standing, Standing)
    assert list(written) == ["standings:case-b"]
    assert (standing.account, standing.by, standing.why, standing.reference_id) == ("kim", "ann", "seen", "")


def test_cases_without_an_opener_wait_like_others_and_are_found_for_the_upgrade() -> None:
    entries = CASES["case-old"]
    assert [case.case_id for case in waiting_without_opener(SETTINGS)] == ["case-old"]
    assert waits(SETTINGS, entries, {})
    for references, waiting in (([], True), (["r1"], False)):
        standing = Standing(
            case_id="case-old", reference_id="", standing="confirmed", why="", by="", at=NOW, account="lee",
            references=references,
        )  # fmt: skip
        assert waits(SETTINGS, entries, {standing_key("case-old"): standing}) is waiting
    unasked = [msgspec.structs.replace(entry, policy=entry.policy and POLICY) for entry in entries]
    assert not waits(SETTINGS, unasked, {})
    assert waits(load_settings(four_eyes=True), unasked, {})
