"""Join state of a run; its changes are written with the outputs that they belong to."""

from collections.abc import Iterable, Iterator, Mapping

from streams.engine.states import States
from streams.fusion.join_window import deadline_of


class RunState:
    """States of posts by post id, and the changes since the last commit.

    Parameters
    ----------
    states
        States in the topic of a restarted run.
    """

    def __init__(self, states: Mapping[bytes, bytes] | None = None) -> None:
        self._states = States(deadline_of)
        self._states.update(states or {})
        self._changed: set[bytes] = set()

    def get(self, key: bytes, /) -> bytes | None:
        """Return the state of a post, None if there is none."""
        return self._states.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Return all posts with their states."""
        return self._states.items()

    def due(self, now_s: float) -> Iterator[bytes]:
        """Yield the posts whose deadline has come, as `States.due`."""
        return self._states.due(now_s)

    async def put(self, key: bytes, value: bytes) -> None:
        """Set the state of a post."""
        self._states[key] = value
        self._changed.add(key)

    async def erase(self, key: bytes) -> None:
        """Erase the state of a post."""
        if self._states.pop(key, None) is not None:
            self._changed.add(key)

    def changes(self) -> dict[bytes, bytes | None]:
        """Return the states changed since the last call, in the order of their keys; None for those erased."""
        changed, self._changed = self._changed, set()
        return {key: self._states.get(key) for key in sorted(changed)}
