"""The join window of fusion: scores of a post joined until the post is complete or its deadline has come.

Live workers and replays share it. They differ in the store, a table with a changelog or the run's own state, and in the
clock: every method takes the time, so a replay passes the time of its records and comes to the same verdicts again.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

import msgspec

from schemas.messages import Look, Scores, Verdict
from streams.fusion.post_state import PostState
from streams.fusion.rules import Rules

type RulesOf = Callable[[set[str]], Awaitable[Rules]]
"""Returns the fusion model, and the policies of those of these cases that are open."""


class _Deadline(msgspec.Struct):
    """The one field of a state that a store needs, which is read much faster than the whole."""

    deadline_s: float


def deadline_of(state: bytes) -> float:
    """Return the deadline of a stored state, seconds since the epoch."""
    return msgspec.msgpack.decode(state, type=_Deadline).deadline_s


class Store(Protocol):
    """States of posts as bytes, by post id."""

    def get(self, key: bytes, /) -> bytes | None:
        """Return the value of a key, None if it has none."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Return all keys with their values."""

    def due(self, now_s: float) -> Iterator[bytes]:
        """Yield each key whose deadline has come, by deadline and then by key, also those that are set meanwhile."""

    async def put(self, key: bytes, value: bytes) -> None:
        """Set the value of a key and return once it is as durable as the store makes it."""

    async def erase(self, key: bytes) -> None:
        """Erase a key, if it is there."""


class Joined(NamedTuple):
    """State of a post with scores added, and what to deliver before it is saved."""

    state: PostState
    verdicts: list[Verdict]
    looks: list[Look]


class JoinWindow:
    """Open and closed posts, each with one deadline: to be closed, and once closed to be evicted.

    A post that waits for looks has a new deadline from when they were asked for, at most once for each look.

    Parameters
    ----------
    deadline_s
        How long the missing parts of a post, or the answers to its looks, are waited for, seconds.
    retention_s
        How long the state of a closed post is kept for late scores, seconds.
    """

    def __init__(self, store: Store, rules: RulesOf, deadline_s: float, retention_s: float) -> None:
        self.store = store
        self._rules = rules
        self._deadline_s = deadline_s
        self._retention_s = retention_s

    def expired(self, now_s: float) -> Iterator[str]:
        """Yield the posts whose deadline has come, earliest first; each stays due until it is saved or evicted."""
        return (key.decode() for key in self.store.due(now_s))

    def state(self, post_id: str) -> PostState | None:
        """Return the state of a post, None if there is none."""
        value = self.store.get(post_id.encode())
        return msgspec.msgpack.decode(value, type=PostState) if value is not None else None

    def open_states(self) -> list[PostState]:
        """Return the states of all posts that wait for something, by deadline and then by post id."""
        open_states = [state for state in self._states() if not state.is_settled]
        return sorted(open_states, key=lambda state: (state.deadline_s, state.post.post_id))

    async def add(self, scores: Scores, now_s: float) -> Joined:
        """Return the state of a post with these scores added, and the verdicts and looks to deliver before `save`."""
        post = scores.segment.post
        state = self.state(post.post_id)
        if state is None or state.is_judged_before(scores):
            state = PostState(post=post, parts=scores.segment.parts, deadline_s=now_s + self._deadline_s)
        if state.parts.pending and not state.closed and not scores.segment.parts.pending:
            state.deadline_s = now_s + self._deadline_s  # its words have waited for its media
        rules = await self._rules({match.case_id for match in scores.matches} | state.evidence.keys())
        n_asked = len(state.looks.asked)
        verdicts = state.add(scores, rules, now_s)
        if looks := state.looks.asked[n_asked:]:
            state.deadline_s = now_s + self._deadline_s
        return Joined(state, verdicts, looks)

    async def close(self, state: PostState, now_s: float) -> list[Verdict]:
        """Close a post whose deadline has come and return the verdicts to deliver before `save`."""
        return state.close(await self._rules(set(state.evidence)), now_s)

    async def save(self, state: PostState, delivered: list[Verdict], now_s: float) -> None:
        """Store a state with its next deadline; the verdicts delivered are not raised again."""
        state.mark_delivered(delivered)
        if state.is_settled:
            state.deadline_s = now_s + self._retention_s
        await self.store.put(state.post.post_id.encode(), msgspec.msgpack.encode(state))

    async def evict(self, post_id: str) -> None:
        """Erase the state of a post after its retention."""
        await self.store.erase(post_id.encode())

    def _states(self) -> Iterator[PostState]:
        return (msgspec.msgpack.decode(value, type=PostState) for _, value in self.store.items())
