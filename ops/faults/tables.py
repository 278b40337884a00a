"""The fusion stage's table as its topic holds it, compared with a replay of the scores from scratch."""

import asyncio
from collections.abc import Iterable

import msgspec

from ops.broker.raw import Broker
from schemas.codec import Codec, WireError
from schemas.messages import Case, Policy, Scores
from streams.fusion.join_window import JoinWindow
from streams.fusion.post_state import PostState
from streams.fusion.rules import Rules
from streams.live_models.selection import create_registry, default_choice
from streams.replay.run_state import RunState
from streams.settings import Settings

_CODEC = Codec()


def differing_states(settings: Settings, broker: Broker, posts: set[str]) -> list[str]:
    """Return the posts whose recovered state has other scores, evidence or decisions than a replay."""
    table = _recovered(broker)
    replayed = asyncio.run(_replayed(_rules(settings, broker), list(_scores(broker))))
    return sorted(post for post in posts if _content(table.get(post)) != _content(replayed.get(post)))


def _recovered(broker: Broker) -> dict[str, PostState]:
    records = [record for shard in broker.read("fusion-state").values() for record in shard]
    last = {record.key: record.value for record in records if record.key is not None}
    return _states(value for value in last.values() if value is not None)


async def _replayed(rules: Rules, scores: list[Scores]) -> dict[str, PostState]:
    async def same_rules(_: set[str]) -> Rules:
        return rules

    store = RunState()
    window = JoinWindow(store, same_rules, deadline_s=0.0, retention_s=0.0)
    for message in scores:
        state, verdicts, _ = await window.add(message, 0.0)
        await window.save(state, verdicts, 0.0)
    for state in window.open_states():
        await window.save(state, await window.close(state, 0.0), 0.0)
    return _states(value for _, value in store.items())


def _states(values: Iterable[bytes]) -> dict[str, PostState]:
    states = {}
    for value in values:
        try:
            state = msgspec.msgpack.decode(value, type=PostState)
        except msgspec.MsgspecError:
            continue  # the run has written it
        states[state.post.post_id] = state
    return states


def _content(state: PostState | None) -> object:
    """Return what does not depend on the time at which scores arrived."""
    return None if state is None else (state.arrived, state.evidence, state.decided, state.closed)


def _rules(settings: Settings, broker: Broker) -> Rules:
    registry = create_registry(settings)
    policies: dict[str, Policy] = {}
    for record in (record for shard in broker.read("cases").values() for record in shard if record.value):
        try:
            case = _CODEC.decode("cases", record.value or b"")
        except WireError:
            continue
        if isinstance(case, Case) and case.policy is not None:
            policies[case.case_id] = case.policy
    return Rules(registry.fusion(default_choice(registry, settings).fusion), policies)


def _scores(broker: Broker) -> Iterable[Scores]:
    for shard in broker.read("scores").values():
        for record in shard:
            try:
                message = _CODEC.decode("scores", record.value or b"")
            except WireError:
                continue
            if isinstance(message, Scores):
                yield message
