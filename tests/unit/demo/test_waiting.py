"""How long the demo waits: as long as messages come, whatever the machine's speed, and not for ever."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from streams.demo import demo as module
from streams.demo.demo import Demo
from streams.settings import load_settings

STEP_S = 0.9 * module._LONGEST_S


def looks(monkeypatch: pytest.MonkeyPatch, n_messages: int) -> int:
    """Return how often the demo looks for a report that never comes, one message having come before each of so many."""
    now_s = itertools.count(0.0, STEP_S)
    clock = SimpleNamespace(monotonic=lambda: next(now_s), sleep=lambda _: None)
    monkeypatch.setattr(module, "time", clock)
    demo = Demo(Console(quiet=True), load_settings(), [], [], SimpleNamespace(check=lambda: None, link=""))  # type: ignore[arg-type]  # the part of a process that it uses
    watcher: Any = SimpleNamespace(n_seen=0, verdicts=[], takedowns=[], dead_letters=[], deliveries=[], looks=[])
    seen: list[int] = []

    def never(_: object) -> bool:
        watcher.n_seen = min(len(seen), n_messages)
        seen.append(watcher.n_seen)
        return False

    demo._wait(watcher, never)
    return len(seen)


def test_it_waits_while_messages_come_and_ends_when_none_has_come_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = looks(monkeypatch, 2), looks(monkeypatch, 20)
    assert many - few == 18
