"""What fusion has heard, in a time that is given: the same records at the same times lead to the same verdicts."""

import heapq
from collections.abc import Iterator

import msgspec

from schemas.messages import Scores, Verdict
from streams.fusion.post_state import PostState


class PostStates:
    """The posts being heard, and when each has waited long enough.

    Parameters
    ----------
    deadline_s
        How long missing modalities are waited for.
    memory_s
        How long a closed hearing is remembered.
    """

    def __init__(self, deadline_s: float, memory_s: float) -> None:
        self._deadline_s = deadline_s
        self._memory_s = memory_s
        self._kept: dict[str, PostState] = {}
        self._clock: list[tuple[float, str]] = []
        self._changed: set[str] = set()

    def restore(self, post_id: str, kept: bytes) -> None:
        """Take back a hearing that `changes` gave."""
        self._kept[post_id] = hearing = msgspec.msgpack.decode(kept, type=PostState)
        heapq.heappush(self._clock, (hearing.deadline_s, post_id))

    def of(self, scores: Scores, now_s: float) -> PostState:
        """Return the hearing of this post, a new one if there is none."""
        post = scores.segment.post
        if post.post_id not in self._kept:
            deadline_s = now_s + self._deadline_s
            self._kept[post.post_id] = PostState(post=post, parts=scores.segment.parts, deadline_s=deadline_s)
        return self._kept[post.post_id]

    def remember(self, hearing: PostState, verdicts: list[Verdict], now_s: float) -> None:
        """Note what was heard and decided."""
        hearing.decide(verdicts)
        if hearing.closed:
            hearing.deadline_s = now_s + self._memory_s
        heapq.heappush(self._clock, (hearing.deadline_s, hearing.post.post_id))
        self._changed.add(hearing.post.post_id)

    def due(self, now_s: float) -> Iterator[PostState]:
        """Yield each open hearing whose deadline has come, by deadline and post id; forget what was closed long ago.

        Close what is yielded, at its deadline, before the next is asked for.
        """
        while self._clock and self._clock[0][0] <= now_s:
            deadline_s, post_id = heapq.heappop(self._clock)
            hearing = self._kept.get(post_id)
            if hearing is None or hearing.deadline_s != deadline_s:
                continue  # it was heard again since
            if hearing.closed:
                del self._kept[post_id]
                self._changed.add(post_id)
            else:
                yield hearing

    def waiting(self) -> Iterator[PostState]:
        """Yield every open hearing, by deadline and post id, as though time went on."""
        waiting = [hearing for hearing in self._kept.values() if not hearing.closed]
        yield from sorted(waiting, key=lambda hearing: (hearing.deadline_s, hearing.post.post_id))

    def changes(self) -> dict[str, bytes | None]:
        """Return what became of each post since the last call; None for what is forgotten."""
        changed, self._changed = self._changed, set()
        states = {post_id: self._kept.get(post_id) for post_id in sorted(changed)}
        return {post_id: None if kept is None else msgspec.msgpack.encode(kept) for post_id, kept in states.items()}
