"""What a person sees of the demo: posts moving through the stages, and the table at the end."""

import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas.messages import DeadLetter, Decision, Descriptors, Frames, Message, Post, Scores, Sounds, Takedown, Texts, Verdict
from streams.demo.posts import DemoPost
from streams.demo.report import PostResult, Report

FLOW = ("posts", "frames", "sounds", "texts", "descriptors", "scores", "verdicts", "takedowns", "dead-letters")
_STEPS = ("posts", "decoded", "descriptors", "scores", "verdicts", "takedowns")
_STYLES = {"act": "bold red", "review": "yellow", "dismiss": "dim"}


@dataclass(slots=True)
class _State:
    """How far one post has come."""

    what: str
    steps: set[str] = field(default_factory=set)
    decision: Decision | None = None
    probability: float = 0.0
    reason: str = ""


class LiveView:
    """Shows every message as it passes; a context manager. Without a terminal it prints a line per event instead.

    Parameters
    ----------
    posts
        The scenario.
    console
        Where to draw; the standard output by default.
    """

    def __init__(self, posts: Sequence[DemoPost], console: Console | None = None) -> None:
        self._console = console or Console()
        self._states = {demo.post.post_id: _State(demo.what) for demo in posts}
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self.render, console=self._console, refresh_per_second=5, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def on_message(self, topic: str, key: str, message: Message) -> None:
        """Note one message of any topic; may be called from any thread."""
        with self._lock:
            self._counts[topic] += 1
            state = self._states.get(_post_id(key, message))
            if state is None:
                return
            before = state.decision, state.reason
            _advance(state, topic, message)
            if (state.decision, state.reason) != before and not self._console.is_terminal:
                self._console.print(_line(state), highlight=False)

    def render(self) -> RenderableType:
        """Return the picture of this moment."""
        with self._lock:
            counts = "  ".join(f"{topic} {self._counts[topic]}" for topic in FLOW)
            table = Table(box=None, padding=(0, 1), header_style="dim")
            for heading in ("post", "decode describe match decide tell"[:0] or "moved", "verdict"):
                table.add_column(heading, no_wrap=True)
            for state in self._states.values():
                table.add_row(state.what, _progress(state), _outcome(state))
            return Group(Text(counts, style="dim"), table)
