import random

from streams.delivery.deadline_timers import DeadlineTimers


def test_timers_expire_by_deadline_and_then_by_post_in_whatever_order_they_were_set() -> None:
    timers = DeadlineTimers()
    for post_id, deadline_s in (("c", 5.0), ("b", 5.0), ("a", 6.0), ("d", 4.0)):
        timers.set(post_id, deadline_s)
    assert list(timers.expired(5.0)) == ["d", "b", "c"]
    assert list(timers.expired(6.0)) == ["a"]
    assert list(timers.expired(100.0)) == []


def test_a_deadline_that_moves_later_expires_once_and_keeps_one_entry() -> None:
    timers = DeadlineTimers()
    for deadline_s in range(10, 30):
        timers.set("a", float(deadline_s))
    assert len(timers) == 1
    assert list(timers.expired(28.0)) == []
    assert list(timers.expired(29.0)) == ["a"]
    assert len(timers) == 0


def test_a_deadline_that_moves_earlier_expires_at_its_new_time() -> None:
    timers = DeadlineTimers()
    timers.set("a", 20.0)
    timers.set("a", 10.0)
    assert list(timers.expired(10.0)) == ["a"]
    assert list(timers.expired(20.0)) == []


def test_a_timer_set_while_others_expire_takes_its_turn() -> None:
    timers = DeadlineTimers()
    timers.set("a", 1.0)
    timers.set("c", 3.0)
    found = []
    for post_id in timers.expired(5.0):
        found.append(post_id)
        if post_id == "a":
            timers.set("b", 2.0)
    assert found == ["a", "b", "c"]


def test_timers_agree_with_a_sorted_list_of_deadlines() -> None:
    timers, deadlines, chance = DeadlineTimers(), dict[str, float](), random.Random(7)
    for now_s in range(300):
        for _ in range(3):
            post_id, deadline_s = f"p{chance.randrange(20)}", float(now_s + chance.randrange(1, 40))
            timers.set(post_id, deadline_s)
            deadlines[post_id] = deadline_s
        wanted = [
            post_id for at_s, post_id in sorted((at_s, post_id) for post_id, at_s in deadlines.items() if at_s <= now_s)
        ]
        assert list(timers.expired(now_s)) == wanted
        for post_id in wanted:
            del deadlines[post_id]
