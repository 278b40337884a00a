"""Scores of a late search: written with the post's key, in the post's trace."""

from collections.abc import Callable, Sequence

from schemas.messages import Descriptors, Match
from streams.engine.context import Context
from streams.match.past_segments import PastSegment
from streams.match.scores import scores_record
from streams.telemetry import trace

type SealThumbnails = Callable[[Descriptors, Sequence[Match]], list[Match]]


class LateScores:
    """Writer of late scores."""

    def __init__(self, context: Context, seal_thumbnails: SealThumbnails) -> None:
        self._context, self._seal_thumbnails = context, seal_thumbnails

    async def send(self, past: PastSegment, matches: Sequence[Match], token: str) -> None:
        """Write matches of a past segment, best first; returns once they are delivered.

        Parameters
        ----------
        token
            Of the search: the scores' id is the same after a crash.
        """
        with trace.span("late", "descriptors", past.headers):
            scores = scores_record(past.descriptors, self._seal_thumbnails(past.descriptors, matches), token)
            await self._context.send("scores", past.descriptors.segment.post.post_id, scores)
