"""States in SQLite's temporary database, compared with a dictionary."""

import random
import resource
import sqlite3

import pytest

from streams.engine.states import States

_MIB = 1024 * 1024


def due_of(value: bytes) -> float | None:
    return float(value.split()[0]) if value[:1].isdigit() else None


def test_states_are_those_of_a_dictionary() -> None:
    states, wanted, chance = States(), dict[bytes, bytes](), random.Random(3)
    for step in range(2_000):
        key = b"p%d" % chance.randrange(60)
        if chance.random() < 0.3:
            assert states.pop(key, None) == wanted.pop(key, None)
        else:
            states[key] = wanted[key] = b"%d" % step
        assert states.get(key) == wanted.get(key)
    assert (dict(states), len(states)) == (wanted, len(wanted))
    with pytest.raises(KeyError):
        states[b"none"]
    with pytest.raises(KeyError):
        del states[b"none"]


def test_keys_are_due_by_time_and_then_by_key() -> None:
    states = States(due_of)
    states.update({b"c": b"5", b"b": b"5.0", b"a": b"6", b"d": b"4", b"never": b"x"})
    assert list(states.due(5.0)) == [b"d", b"b", b"c"]
    states[b"d"] = b"9"
    assert list(states.due(8.0)) == [b"b", b"c", b"a"]


def test_a_key_that_becomes_due_later_meanwhile_has_its_turn_and_each_has_one() -> None:
    states, found = States(due_of), []
    states.update({b"a": b"1", b"c": b"3"})
    for key in states.due(5.0):
        found.append(key)
        if key == b"a":
            states[b"b"] = b"2"
            del states[b"a"]
    assert found == [b"a", b"b", b"c"]


def test_states_beyond_the_limit_take_no_memory() -> None:
    states, before = States(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    value = bytes(64 * 1024)
    for number in range(2_000):
        states[b"%d" % number] = value
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mib < len(states) * len(value) / _MIB / 2
    assert states[b"1999"] == value


def test_what_is_erased_is_overwritten() -> None:
    states = States()
    states[b"p1"] = b"a caption with a name"
    del states[b"p1"]
    assert b"caption" not in b"".join(_pages(states._file))


def _pages(file: sqlite3.Connection) -> list[bytes]:
    return [file.serialize()]
