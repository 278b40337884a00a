"""Delivery workers that are killed amid a notice and between two attempts, and one that takes over."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from schemas.messages import Case, Policy
from streams.takedown.life import chained
from tests.integration.system import System, running
from tests.support.deadline import DEADLINE_S, until
from tests.support.platforms import webhook
from tests.support.platforms.webhook import LocalWebhook
from tests.unit.made_messages import post_ref, takedown

_TAKEDOWNS = 4  # fewer failures in a row than open the circuit breaker


@pytest.fixture
def system(kafka: str, prefix: str, tmp_path: Path) -> Iterator[System]:
    yield from running(kafka, prefix, tmp_path)


@contextmanager
def serving() -> Iterator[LocalWebhook]:
    """Run a receiver of webhooks in a thread of its own."""
    server, loop = LocalWebhook(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(DEADLINE_S)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(DEADLINE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE_S)
        loop.close()


def prepare(system: System, server: LocalWebhook) -> None:
    channel = {"kind": "webhook", "url": server.address, "secret": "site"}
    site = {"title": "A site", "posts": ["demo"], "laws": ["US_TIDA"], "look": "none", "channels": [channel]}
    file = system.folder / "platforms.yaml"
    file.write_text(yaml.safe_dump({"site": site | {"per_minute": 6000}, "other": {"title": "Others"}}))
    system.environment |= {
        "JIKIMI_DELIVERY_SEND": "true",
        "JIKIMI_DELIVERY_PLATFORMS": str(file),
        "JIKIMI_DELIVERY_SECRETS": json.dumps({"site": webhook.SECRET}),
        "JIKIMI_DELIVERY_ALLOWED_HOSTS": '["127.0.0.1"]',
        "JIKIMI_FILER_BODY": "A centre",
        "JIKIMI_FILER_EMAIL": "notices@centre.example",
    }
    now = datetime.now(UTC)
    policy = Policy(act=0.95, review=0.5, version="1")
    system.write("cases", "case-a", Case(case_id="case-a", name="clover", opened_at=now, policy=policy))
    for number in range(_TAKEDOWNS):
        event = takedown(takedown_id=f"t{number}", event_id=f"e{number}", post=post_ref(f"p{number}"), at=now)
        system.write("takedowns", f"t{number}", chained(event, None))
    system.flush()


def outcomes(system: System) -> Counter[tuple[str, int]]:
    """Return how often each outcome of an attempt is recorded, by its number."""
    steps = [kept.message for kept in system.records("deliveries")]
    by_id = {step.delivery_id: (step.outcome, step.number) for step in steps if step.kind == "attempt"}
    return Counter(by_id.values())


def test_killed_workers_send_each_notice_under_one_key_and_miss_no_timer(system: System) -> None:
    with serving() as server:
        prepare(system, server)
        # Amid the notices: they are under way when the worker is killed, so that nothing of them is recorded.
        server.fail_next("timeout", times=_TAKEDOWNS)
        first = system.worker("delivery", "first")
        until(lambda: server.count() > 0, "a notice under way")
        first.kill()
        server.stop_failing()
        n_before = server.count()
        # Between two attempts: the timers of the repeats are in the table only.
        server.fail_next(500, times=_TAKEDOWNS)
        second = system.worker("delivery", "second")
        until(lambda: outcomes(system)["failed", 1] == _TAKEDOWNS, "all attempts failed")
        second.kill()
        system.worker("delivery", "third")
        until(lambda: outcomes(system)["acknowledged", 2] == _TAKEDOWNS, "all notices acknowledged")
        keys = [request.headers["webhook-id"] for request in server.requests]
    assert set(keys[:n_before]) <= set(keys[n_before:])  # repeated under the same key
    assert len(set(keys)) == 2 * _TAKEDOWNS
    assert server.duplicates == []
    last = {kept.message.takedown_id: kept.message for kept in system.records("takedowns")}
    assert {event.state for event in last.values()} == {"acknowledged"}
    assert len(system.records("takedowns")) == 2 * _TAKEDOWNS
