"""Acts around what persons do: the right first, then the act, then the change."""

import pytest

from streams.audit import acting as module
from streams.audit.acting import NOT_GIVEN, acting
from streams.errors import UsageError
from streams.rights.person import Person
from streams.settings import load_settings

type Written = list[tuple[str, ...]]
SETTINGS = load_settings()
LEE = Person("lee", frozenset({"reviewer"}))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """Return the acts that are written, in order with what the test adds."""
    found: Written = []
    monkeypatch.setattr(module, "write_act", lambda _, *fields: found.append(fields))
    return found


def test_the_act_is_written_before_what_it_is_about(written: Written) -> None:
    with acting(SETTINGS, LEE, "withdraw", "case-a", "asked to", detail="as ann"):
        written.append(("done",))
    assert written == [("withdraw", "case-a", "lee", "asked to", "as ann"), ("done",)]


def test_nothing_is_written_or_done_without_the_right(written: Written) -> None:
    with pytest.raises(UsageError, match="lee may not"), acting(SETTINGS, LEE, "promote", "m", "better"):
        written.append(("done",))
    assert written == []


def test_nothing_is_done_whose_act_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise UsageError("no broker answers")

    monkeypatch.setattr(module, "write_act", refuse)
    with pytest.raises(UsageError, match="no broker"), acting(SETTINGS, LEE, "withdraw", "case-a", "asked to"):
        pytest.fail("done without an act")


@pytest.mark.parametrize("error", [UsageError("no case\ncase-a"), KeyboardInterrupt(), ValueError("x" * 5_000)])
def test_a_failure_is_an_act_too_and_is_raised(written: Written, error: BaseException) -> None:
    with pytest.raises(type(error)), acting(SETTINGS, LEE, "withdraw", "case-a", " "):
        raise error
    first, second = written
    assert first == ("withdraw", "case-a", "lee", NOT_GIVEN, "")
    assert second[4].startswith("failed: ")
    assert "\n" not in second[4]
    assert len(second[4]) <= 300
