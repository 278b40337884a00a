"""The life of a takedown: legal steps only, each linked to the one before."""

from itertools import product
from typing import get_args

import pytest

from schemas.messages import State
from streams.takedown.life import GONE, OPEN, PENDING, IllegalStepError, chained, may_follow, pending, step
from tests.unit.made_messages import NOW, delivery, takedown

STATES: tuple[State, ...] = get_args(State)


def test_every_state_can_be_reached_and_a_withdrawal_ends_each() -> None:
    reached: set[State | None] = {None}
    while more := {after for before in reached for after in STATES if may_follow(before, after)} - reached:
        reached |= more
    assert reached == {None, *STATES}
    assert all(may_follow(state, "withdrawn") for state in (None, *STATES))


def test_only_what_is_withdrawn_or_held_follows_itself_and_nothing_is_sent_after_an_end() -> None:
    # A person withdraws for good what the system has withdrawn, and labels what is held for its case.
    assert {state for state in STATES if may_follow(state, state)} == {"withdrawn", "held"}
    for last, state in product(
        [*GONE, "withdrawn", "held"], ["approved", "sent", "acknowledged", "refused", "escalated"]
    ):
        assert not may_follow(last, state)  # type: ignore[arg-type]
    assert {state for state in STATES if pending(state)} == PENDING == OPEN - {"held"}


@pytest.mark.parametrize(("last", "state"), [p for p in product(STATES, STATES) if not may_follow(*p)])
def test_an_illegal_step_is_refused(last: State, state: State) -> None:
    with pytest.raises(IllegalStepError, match=f"{state} does not follow {last}"):
        step(takedown(state=last), state)


def test_a_step_is_linked_and_has_an_id_of_its_causes() -> None:
    issued = chained(takedown(), None)
    sent = step(issued, "sent", "a", at=NOW, by="officer-2", why="seen", delivery=delivery())
    assert (sent.state, sent.previous, sent.by, sent.why, sent.delivery) == (
        "sent", issued.hash, "officer-2", "seen", delivery(),
    )  # fmt: skip
    assert sent == step(issued, "sent", "a", at=NOW, by="officer-2", why="seen", delivery=delivery())
    assert sent.event_id != step(issued, "sent", "b", at=NOW).event_id
    following = step(sent, "removed", at=NOW)
    assert (following.by, following.why, following.delivery) == ("", "", None)
